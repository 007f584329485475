#include "engine/chunks/chunk_courier.h"

#include <algorithm>
#include <atomic>
#include <exception>

#include "base/limits.h"
#include "base/log.h"
#include "engine/core/cores.h"

namespace xc::engine {
namespace {

constexpr std::size_t kRecentMax = 4'096;  // then those that nobody holds are forgotten
// A load is decrypted by several threads: it is processor time, and a request waits for it.
constexpr std::size_t kReadersMax = 4;
constexpr std::size_t kChunksAReader = 4;  // fewer are not worth a thread

std::size_t readers_for(std::size_t chunks) {
  const auto cores = static_cast<std::size_t>(cores_granted());
  return std::clamp(chunks / kChunksAReader, std::size_t{1}, std::min(cores, kReadersMax));
}

// Memory may run out in the middle of a job: the job is lost, the thread lives.
template <typename Work>
void guarded(Work work) {
  try {
    work();
  } catch (const std::exception& failure) {
    log::error("chunks", "background job lost: {}", failure.what());
  }
}

}  // namespace

ChunkCourier::ChunkCourier(ChunkDisk& disk, std::uint64_t write_bytes_max,
                           std::function<void()> wake, ChunkCounters& counters)
    : disk_(disk),
      write_bytes_max_(write_bytes_max),
      wake_(std::move(wake)),
      counters_(counters),
      thread_([this] { run(); }) {}

ChunkCourier::~ChunkCourier() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  thread_.join();
}

bool ChunkCourier::load(Load load) {
  {
    const std::lock_guard lock(mutex_);
    if (loads_.size() >= limits::kChunkLoadsMax) return false;
    loads_.push_back(std::move(load));
  }
  work_.notify_one();
  return true;
}

bool ChunkCourier::write(const ChunkRef& chunk) {
  {
    const std::lock_guard lock(mutex_);
    if (writing_.contains(chunk->link().key)) return true;
    if (writes_.size() >= limits::kChunkWritesMax ||
        write_bytes_ + chunk->bytes() > write_bytes_max_) {
      return false;
    }
    writing_.insert(chunk->link().key);
    write_bytes_ += chunk->bytes();
    writes_.push_back(chunk);
  }
  work_.notify_one();
  return true;
}

void ChunkCourier::touch(const Digest& key) {
  {
    const std::lock_guard lock(mutex_);
    if (touches_.size() >= limits::kChunkTouchesMax) return;
    touches_.push_back(key);
  }
  work_.notify_one();
}

void ChunkCourier::erase(std::uint64_t id, std::string tenant) {
  {
    const std::lock_guard lock(mutex_);
    erasures_.push_back({id, std::move(tenant)});
  }
  work_.notify_one();
}

std::vector<ChunkCourier::Outcome> ChunkCourier::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

bool ChunkCourier::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

bool ChunkCourier::idle() const {
  return ready_ && !busy_ && loads_.empty() && erasures_.empty() && writes_.empty() &&
         touches_.empty();
}

bool ChunkCourier::flush(Duration timeout) {
  std::unique_lock lock(mutex_);
  return done_.wait_for(lock, timeout, [this] { return idle(); });
}

void ChunkCourier::run() {
  guarded([this] { disk_.scan(); });
  std::unique_lock lock(mutex_);
  ready_ = busy_ = true;
  lock.unlock();
  if (wake_) wake_();  // who asked before was told to wait
  lock.lock();
  while (!stop_) {
    busy_ = true;
    const bool worked = load_one(lock) || erase_one(lock) || write_one(lock) || touch_one(lock) ||
                        scan_if_due(lock);
    busy_ = false;
    if (worked) continue;
    done_.notify_all();
    work_.wait_for(lock, limits::kChunkRescan, [this] { return stop_ || !idle(); });
  }
  counters_.dropped_writes += writes_.size();
}

bool ChunkCourier::load_one(std::unique_lock<std::mutex>& lock) {
  if (loads_.empty()) return false;
  Load load = std::move(loads_.front());
  loads_.pop_front();
  lock.unlock();
  Outcome outcome = work_on(std::move(load));
  deliver(lock, std::move(outcome));
  return true;
}

ChunkCourier::Outcome ChunkCourier::work_on(Load load) {
  Outcome outcome;
  outcome.id = load.id;
  for (const Want& want : load.wants) {
    if (!want.ready) outcome.asked.push_back(want.link.key);
  }
  guarded([&] {
    for (Want& want : load.wants) {
      if (!want.ready) want.ready = recent(want.link);
    }
    read_missing(load.wants);
    for (Want& want : load.wants) {
      if (!want.ready) break;  // what follows is of no use without it
      recent_[want.link.key] = want.ready;
      outcome.chunks.push_back(std::move(want.ready));
    }
    if (recent_.size() > kRecentMax) {
      std::erase_if(recent_, [](const auto& entry) { return entry.second.expired(); });
    }
  });
  return outcome;
}

// Each reader takes the next one, up to the first that cannot be had.
void ChunkCourier::read_missing(std::vector<Want>& wants) {
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> end{wants.size()};
  const auto read = [&] {
    guarded([&] {
      for (std::size_t i = next++; i < end; i = next++) {
        Want& want = wants[i];
        if (want.ready) continue;
        // Without a promise of memory nothing is loaded: the one that had it failed or is gone.
        if (want.hold) want.ready = disk_.load(want.link, std::move(want.hold));
        if (!want.ready) end = std::min(end.load(), i);  // a race leaves it too far, not too near
      }
    });
  };
  const auto missing = std::ranges::count_if(wants, [](const Want& want) { return !want.ready; });
  const std::size_t readers = readers_for(static_cast<std::size_t>(missing));
  std::vector<std::jthread> others;
  guarded([&] {  // where no thread can be had, fewer do
    for (std::size_t i = 1; i < readers; ++i) others.emplace_back(read);
  });
  read();
}

ChunkRef ChunkCourier::recent(const ChunkLink& link) {
  const auto found = recent_.find(link.key);
  if (found == recent_.end()) return nullptr;
  ChunkRef chunk = found->second.lock();
  return chunk && chunk->link().tokens == link.tokens ? chunk : nullptr;
}

bool ChunkCourier::erase_one(std::unique_lock<std::mutex>& lock) {
  if (erasures_.empty()) return false;
  Erasure erasure = std::move(erasures_.front());
  erasures_.pop_front();
  lock.unlock();
  Outcome outcome;
  outcome.id = erasure.id;
  guarded([&] {
    auto erased = disk_.erase_tenant(erasure.tenant);
    outcome.erased = erased.has_value();
    if (erased) outcome.tag = *erased;
    if (!erased) log::error("chunks", "a tenant's key could not be erased");
  });
  deliver(lock, std::move(outcome));
  return true;
}

void ChunkCourier::deliver(std::unique_lock<std::mutex>& lock, Outcome outcome) {
  lock.lock();
  outcomes_.push_back(std::move(outcome));
  lock.unlock();
  if (wake_) wake_();
  lock.lock();
}

bool ChunkCourier::write_one(std::unique_lock<std::mutex>& lock) {
  if (writes_.empty()) return false;
  ChunkRef chunk = std::move(writes_.front());
  writes_.pop_front();
  lock.unlock();
  guarded([&] { disk_.store(*chunk); });
  const Digest key = chunk->link().key;
  const std::uint64_t bytes = chunk->bytes();
  chunk.reset();  // may free it: not under the lock
  lock.lock();
  writing_.erase(key);
  write_bytes_ -= bytes;
  return true;
}

bool ChunkCourier::touch_one(std::unique_lock<std::mutex>& lock) {
  if (touches_.empty()) return false;
  const Digest key = touches_.front();
  touches_.pop_front();
  lock.unlock();
  guarded([&] { disk_.touch(key); });
  lock.lock();
  return true;
}

bool ChunkCourier::scan_if_due(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const bool due = disk_.scan_due();
  if (due) guarded([this] { disk_.scan(); });
  lock.lock();
  return due;
}

}  // namespace xc::engine
