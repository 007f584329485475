// The scheduler under a stream of requests and faults, from a seed, in virtual time. Each seed is a
// world: the size of the cache, who asks for what, what breaks. Fails with the seed of the world
// and what did not hold.
//
//   scheduler_sim [--requests N] [--seed S]     N: in all, over as many seeds as it takes; S: the
//   first scheduler_sim --only S                      one world
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "engine/chunks/chunk_test_fixture.h"
#include "engine/core/scheduler_rig.h"
#include "memory_files.h"

namespace xc::engine {
namespace {

using std::chrono::milliseconds;

constexpr int kRequestsPerWorld = 250;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int between(int low, int high) {
    return low + static_cast<int>(random_.next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(int n) { return between(1, n) == 1; }

 private:
  SeededRandom random_;
};

enum class Keeps { Nothing, InRam, OnDisk };

struct Wanted {
  Ask ask;
  int ticket = -1;  // of the worker that lives; -1: not sent yet
  SteadyTime sent{};
  bool cancelled = false;
  bool over = false;
};

class World {
 public:
  explicit World(std::uint64_t seed) : dice_(mix_hash(seed)), random_(seed + 1) {
    options_.cells = dice_.between(400, 2048);
    options_.sequences = dice_.one_in(8) ? dice_.between(1, 3) : dice_.between(4, 24);
    options_.can_share = !dice_.one_in(10);
    options_.step_tokens = 1 << dice_.between(5, 9);
    options_.draft_rows_max = dice_.one_in(3) ? 0 : 32;
    options_.target_tbt_ms = dice_.between(20, 500);
    options_.queue.waiting_max = static_cast<std::size_t>(dice_.between(20, 60));
    options_.queue.tenant_waiting_max = options_.queue.waiting_max * 3 / 4;
    keeps_ = static_cast<Keeps>(dice_.between(0, 2));
    tenants_ = dice_.between(1, 5);
    gap_ms_ = dice_.between(20, 1500);
    start();
  }

  std::string run();
  std::uint64_t trace() const { return trace_; }
  bool repeats() const { return keeps_ != Keeps::OnDisk; }  // no thread but ours
  int asked() const { return static_cast<int>(all_.size()); }
  double slowest_share() const { return slowest_share_; }
  const SchedulerCounters& counters() const { return counters_; }

 private:
  void start();
  void die();
  void count();
  void arrive();
  void send(Wanted& wanted);
  Ask ask();
  void trouble();
  std::string settle();
  std::string check_left() const;
  double patience_ms() const;

  Dice dice_;
  SeededRandom random_;
  SchedulerOptions options_;
  Keeps keeps_ = Keeps::Nothing;
  int tenants_ = 1;
  int gap_ms_ = 0;
  ManualClock clock_;
  std::unique_ptr<ChunkTestFolder> folder_;
  MemoryFiles files_;
  std::unique_ptr<FakeDevice> device_;
  std::unique_ptr<ChunkStore> store_;
  std::unique_ptr<ChunkShelf> shelf_;
  std::unique_ptr<CheckpointShelf> checkpoints_;
  std::unique_ptr<SchedulerRig> rig_;
  SteadyTime now_{};  // of the rig before
  SteadyTime next_arrival_{};
  std::vector<Wanted> all_;
  std::vector<std::size_t> open_;  // sent and not over
  std::uint64_t trace_ = 0;
  double slowest_share_ = 0;    // of patience
  SchedulerCounters counters_;  // of all workers
};

std::string tenant_name(int i) { return "tenant-" + std::to_string(i); }

// A worker starts: what was on disk is there, all else is new.
void World::start() {
  device_ = std::make_unique<FakeDevice>(options_.sequences, options_.cells, options_.can_share);
  if (keeps_ != Keeps::Nothing && !options_.can_share) {
    const auto bytes = static_cast<std::uint64_t>(dice_.between(1, 100)) * 6'500;
    checkpoints_ = std::make_unique<CheckpointShelf>(*device_, bytes);
  }
  if (keeps_ != Keeps::Nothing && options_.can_share) {
    ChunkStoreOptions set;
    set.ram_bytes_max = static_cast<std::uint64_t>(dice_.between(1, 100)) * 6'500;
    set.disk_reserve_bytes = 0;
    if (keeps_ == Keeps::OnDisk) {
      if (folder_ == nullptr) folder_ = std::make_unique<ChunkTestFolder>();
      set.folder = folder_->chunks();
      set.disk_bytes_max = static_cast<std::uint64_t>(dice_.between(1, 200)) * 8'000;
    }
    auto opened = ChunkStore::open(set, clock_, random_, [] {}, &files_);
    XC_ASSERT(opened.has_value());
    store_ = *std::move(opened);
    XC_ASSERT(store_->flush(std::chrono::seconds(60)));
    shelf_ = std::make_unique<ChunkShelf>(*store_, *device_, set.ram_bytes_max / 8);
    for (int i = 0; i < tenants_; ++i) {
      auto space = store_->open_space(identity_of(), tenant_name(i));
      XC_ASSERT(space.has_value());
      shelf_->set_space(tenant_name(i), *space);
    }
  }
  KvShelf* kept = shelf_.get();
  if (checkpoints_ != nullptr) kept = checkpoints_.get();
  rig_ = std::make_unique<SchedulerRig>(options_, *device_, kept, [this] {
    if (!store_) return;
    // Now and then the disk takes its time.
    if (!dice_.one_in(4)) XC_ASSERT(store_->flush(std::chrono::seconds(60)));
    shelf_->poll();
  });
  if (now_ > rig_->now()) rig_->advance(now_ - rig_->now());
}

void World::count() {
  trace_ = mix_hash(trace_ ^ rig_->trace());
  const SchedulerCounters& of = rig_->scheduler().counters();
  counters_.preemptions += of.preemptions;
  counters_.cached_live += of.cached_live;
  counters_.cached_shelf += of.cached_shelf;
  counters_.cached_disk += of.cached_disk;
  counters_.accepted += of.accepted;
  counters_.held_for_prefix += of.held_for_prefix;
}

// kill -9: nothing is saved; clients ask again.
void World::die() {
  now_ = rig_->now();
  count();
  rig_.reset();
  shelf_.reset();
  checkpoints_.reset();
  store_.reset();
  start();
  for (const std::size_t i : open_) {
    all_[i].cancelled = false;
    send(all_[i]);
  }
}

Ask World::ask() {
  Ask ask;
  ask.tenant = tenant_name(dice_.one_in(3) ? 0 : dice_.between(0, tenants_ - 1));
  ask.key = dice_.one_in(2) ? "k" : "l";
  ask.priority = dice_.one_in(3) ? dice_.between(0, 2) : 1;
  ask.max_tokens = dice_.one_in(6) ? dice_.between(0, 250) : dice_.between(1, 40);
  const int room = options_.cells - ask.max_tokens;
  const int length = std::min(dice_.one_in(10) ? room : dice_.between(1, 700), room);
  const int shared = dice_.one_in(3) ? 0 : dice_.between(0, 620);
  const auto family = static_cast<std::uint64_t>(dice_.between(0, 3));
  ask.prompt = prompt_of(family, std::min(shared, length)) +
               prompt_of(1000 + all_.size(), std::max(length - shared, 0));
  if (dice_.one_in(12)) ask.n = dice_.between(2, 4);
  ask.speculation = dice_.one_in(2);
  ask.quotes = dice_.one_in(2);
  ask.may_stop = dice_.one_in(2);
  if (dice_.one_in(15) && length > 60) {
    ask.image_at = dice_.between(0, length - 41);
    ask.image_tokens = dice_.between(1, 40);
    ask.image_positions = dice_.one_in(2) ? 0 : dice_.between(1, ask.image_tokens);
    std::fill_n(ask.prompt.begin() + ask.image_at, ask.image_tokens, kMediaToken);
  }
  // No dice: seeds stay what they were.
  const std::uint64_t chance = mix_hash(all_.size() * 31 + static_cast<std::uint64_t>(length));
  if (ask.image_at < 0 && chance % 12 == 0) {
    ask.score = true;
    ask.speculation = false;
  }
  return ask;
}

void World::send(Wanted& wanted) {
  wanted.sent = rig_->now();
  wanted.ticket = rig_->submit(wanted.ask);
}

void World::arrive() {
  while (asked() < kRequestsPerWorld && rig_->now() >= next_arrival_) {
    const int burst = dice_.one_in(25) ? dice_.between(10, 60) : 1;
    for (int i = 0; i < burst && asked() < kRequestsPerWorld; ++i) {
      Wanted wanted;
      wanted.ask = ask();
      if (dice_.one_in(10)) {
        wanted.ask.deadline = Deadline::at(rig_->now() + milliseconds(dice_.between(1, 20'000)));
      }
      send(wanted);
      open_.push_back(all_.size());
      all_.push_back(std::move(wanted));
    }
    next_arrival_ = std::max(next_arrival_, rig_->now() - milliseconds(1000)) +
                    milliseconds(dice_.between(0, 2 * gap_ms_));
  }
}

void World::trouble() {
  if (dice_.one_in(1500)) die();
  if (rig_->scheduler().placed().size() > 1 && dice_.one_in(60)) rig_->refuse_next();
  device_->copies_in = !dice_.one_in(12);
  device_->copies_out = !dice_.one_in(12);
  files_.set_full(dice_.one_in(8));
  files_.set_unreadable(dice_.one_in(8));
  if (dice_.one_in(100)) files_.lose(3);
  if (dice_.one_in(50)) clock_.advance(std::chrono::seconds(dice_.between(1, 300)));
  const bool storm = dice_.one_in(500);
  for (const std::size_t i : open_) {
    Wanted& wanted = all_[i];
    if (storm ? dice_.one_in(2) : dice_.one_in(20'000)) {
      wanted.cancelled = true;
      rig_->cancel(wanted.ticket);
    }
    if (dice_.one_in(300)) rig_->park(wanted.ticket, true);
    if (dice_.one_in(20)) rig_->park(wanted.ticket, false);
  }
}

// Everybody ahead, at the pace of a machine that does one after another, three times over: a bound
// that starving breaks and no order of service does.
double World::patience_ms() const {
  const double alone = 2.6 * options_.cells + 251.0 * 4 * 8;
  const auto ahead = static_cast<double>(options_.queue.waiting_max) + options_.sequences;
  return 3 * alone * ahead;
}

// Takes out who is over. Empty: as it should be.
std::string World::settle() {
  std::string wrong;
  std::erase_if(open_, [&](std::size_t i) {
    Wanted& wanted = all_[i];
    const Answer& answer = rig_->answer(wanted.ticket);
    const std::chrono::duration<double, std::milli> waited = rig_->now() - wanted.sent;
    slowest_share_ = std::max(slowest_share_, waited.count() / patience_ms());
    const std::string who = "request " + std::to_string(i) + " ";
    if (waited.count() > patience_ms()) wrong = who + "starves";
    if (answer.ended == 0) return false;
    if (answer.ended > 1 || wanted.over) wrong = who + "ended twice";
    wanted.over = true;
    if (answer.cancelled && !wanted.cancelled) wrong = who + "was cancelled by nobody";
    if (answer.error == Code::Timeout && !wanted.ask.deadline.passed(rig_->now())) {
      wrong = who + "timed out early";
    } else if (answer.error && *answer.error != Code::Timeout &&
               *answer.error != Code::RateLimited) {
      wrong = who + "failed";
    }
    if (!answer.error && !answer.cancelled && !rig_->right(wanted.ticket)) {
      wrong = who + "got another answer than alone";
    }
    return true;
  });
  return wrong;
}

std::string World::check_left() const {
  Scheduler& scheduler = rig_->scheduler();
  if (scheduler.pool().live() != 0) return "sequences leak";
  if (scheduler.queue().waiting() + scheduler.queue().running() != 0) return "the queue leaks";
  if (scheduler.waiting() != 0 || scheduler.active() != 0) return "requests leak";
  const SchedulerCounters& of = scheduler.counters();
  if (of.swaps_in_ram + of.swaps_in_disk > of.swaps_out) return "more came back than left";
  if (rig_->scored_most() > options_.score_rows_max) return "a step scored too much";
  while (scheduler.make_room()) {
  }
  if (device_->cells_used() != 0) return "cells leak";
  for (int i = 0; i < rig_->count(); ++i) {
    if (rig_->answer(i).ended != 1) return "a request ended not once";
  }
  return {};
}

std::string World::run() {
  next_arrival_ = rig_->now();
  for (int turn = 0; turn < 3'000'000; ++turn) {
    arrive();
    trouble();
    rig_->step();
    std::string wrong = rig_->fault();
    if (wrong.empty()) wrong = settle();
    const Scheduler& scheduler = rig_->scheduler();
    // Those sent back by preemption wait beyond the bound of arrivals.
    if (scheduler.waiting() > options_.queue.waiting_max + scheduler.counters().preemptions) {
      wrong = "the queue is longer than its bound";
    }
    if (store_ && store_->stats().ram_bytes > 100 * 6'500) wrong = "more memory than granted";
    if (!wrong.empty()) return wrong + " (turn " + std::to_string(turn) + ")";
    if (open_.empty() && asked() == kRequestsPerWorld) {
      count();
      return check_left();
    }
  }
  return "does not come to an end: " + std::to_string(open_.size()) + " open";
}

int run_all(std::uint64_t first, int requests, bool only) {
  int done = 0;
  double slowest = 0;
  SchedulerCounters sum;
  for (std::uint64_t seed = first; only ? seed == first : done < requests; ++seed) {
    World world(seed);
    std::string wrong = world.run();
    if (wrong.empty() && world.repeats() && (only || seed % 8 == 0)) {
      World again(seed);
      wrong = again.run();
      if (again.trace() != world.trace()) wrong = "a seed does not repeat";
    }
    if (!wrong.empty()) {
      std::fprintf(stderr, "seed %llu: %s\nagain: scheduler_sim --only %llu\n",
                   static_cast<unsigned long long>(seed), wrong.c_str(),
                   static_cast<unsigned long long>(seed));
      return 1;
    }
    done += world.asked();
    slowest = std::max(slowest, world.slowest_share());
    sum.preemptions += world.counters().preemptions;
    sum.cached_live += world.counters().cached_live;
    sum.cached_shelf += world.counters().cached_shelf;
    sum.cached_disk += world.counters().cached_disk;
    sum.accepted += world.counters().accepted;
    sum.held_for_prefix += world.counters().held_for_prefix;
  }
  std::printf(
      "%d requests, no fault. Slowest: %.2f of the bound. Preemptions %llu, tokens shared %llu, "
      "from the shelf %llu (disk %llu), guesses right %llu, held for a prefix %llu.\n",
      done, slowest, static_cast<unsigned long long>(sum.preemptions),
      static_cast<unsigned long long>(sum.cached_live),
      static_cast<unsigned long long>(sum.cached_shelf),
      static_cast<unsigned long long>(sum.cached_disk),
      static_cast<unsigned long long>(sum.accepted),
      static_cast<unsigned long long>(sum.held_for_prefix));
  return 0;
}

}  // namespace
}  // namespace xc::engine

int main(int argc, char** argv) {
  xc::log::open(xc::log::Level::Error, false);  // full disks are the point
  std::uint64_t seed = 1;
  int requests = 20'000;
  bool only = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--requests") == 0) requests = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--only") == 0) {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
      only = true;
    }
  }
  return xc::engine::run_all(seed, requests, only);
}
