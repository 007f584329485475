// What the engine thread tells others of itself.
#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "engine/llama/engine_thread.h"

namespace xc::engine::llama {
namespace {

constexpr std::chrono::milliseconds kViewEvery{200};

std::string hash_of(const std::string& tenant) {
  return fmt::format("{:08x}", std::hash<std::string>{}(tenant) & 0xffffffffU);
}

double ms_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

Stats EngineThread::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

EngineView EngineThread::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void EngineThread::publish() {
  const SchedulerCounters& from = scheduler_.counters();
  counters_.requests_total = from.requests;
  counters_.requests_cancelled = from.cancelled;
  counters_.prompt_tokens_asked = from.prompt_asked;
  counters_.prompt_tokens_computed = from.prompt_computed;
  counters_.preemptions = from.preemptions;
  counters_.cached_live_tokens = from.cached_live;
  counters_.cached_ram_tokens = from.cached_shelf - from.cached_disk;
  counters_.cached_disk_tokens = from.cached_disk;
  counters_.swaps_out = from.swaps_out;
  counters_.swaps_in_ram = from.swaps_in_ram;
  counters_.swaps_in_disk = from.swaps_in_disk;
  counters_.swap_out_bytes = from.swap_out_bytes;
  counters_.swap_in_bytes = from.swap_in_bytes;
  counters_.drafted_tokens = from.drafted;
  counters_.accepted_tokens = from.accepted;
  counters_.model_drafted_tokens = from.drafted_by_model;
  counters_.wait_ms_mean_by_class = from.wait_ms_mean;
  const auto now = std::chrono::steady_clock::now();
  for (int c = 0; c < kClasses; ++c) {
    counters_.queued_by_class[static_cast<std::size_t>(c)] =
        scheduler_.queue().depth(c, now).waiting;
  }
  counters_.queued = static_cast<int>(scheduler_.waiting() + vector_jobs_.size());
  counters_.running = static_cast<int>(scheduler_.active());
  counters_.cells_used = scheduler_.pool().cells_used();
  if (store_ != nullptr) {
    const ChunkStats chunks = store_->stats();
    counters_.chunk_ram_bytes = chunks.ram_bytes;
    counters_.chunk_disk_bytes = chunks.disk_bytes;
    counters_.chunk_rejected = chunks.rejected;
  }
  if (checkpoints_ != nullptr) counters_.chunk_ram_bytes = checkpoints_->bytes();
  const Adapters::Loaded adapters = adapters_.stats();
  counters_.adapters_loaded = adapters.count;
  counters_.adapter_bytes = adapters.bytes;
  counters_.adapter_switches = adapters.switches;
  publish_view(now);
  const std::lock_guard lock(mutex_);
  pending_ = counters_.queued + static_cast<int>(inbox_.size() + vector_inbox_.size());
  stats_ = counters_;
}

void EngineThread::publish_view(SteadyTime now) {
  if (now - viewed_ < kViewEvery && scheduler_.has_work()) return;
  viewed_ = now;
  EngineView view;
  scheduler_.pool().each([&](int seq, bool live, std::uint64_t salt, int tokens, int own) {
    EngineView::Sequence s;
    s.seq = seq;
    s.state = live ? "prefill" : "retained";
    s.tokens = tokens;
    s.shared = tokens - own;
    s.tenant_hash = hash_of(scheduler_.tenant_of(salt));
    view.sequences.push_back(std::move(s));
  });
  for (const Lane* lane : scheduler_.placed()) {
    for (auto& s : view.sequences) {
      if (s.seq == lane->seq && lane->request->sampled) s.state = "decode";
    }
  }
  for (const auto& [id, request] : scheduler_.queued()) {
    const Run& run = static_cast<const Run&>(*request);
    EngineView::Waiting w;
    w.request_id = run.job->context.request_id;
    w.priority = run.priority;
    w.tokens = run.prompt_tokens;
    w.waited_ms = ms_between(run.arrived, now);
    w.tenant_hash = hash_of(run.tenant);
    view.queue.push_back(std::move(w));
  }
  std::sort(view.queue.begin(), view.queue.end(), [](const auto& a, const auto& b) {
    return std::pair(a.priority, -a.waited_ms) < std::pair(b.priority, -b.waited_ms);
  });
  const std::lock_guard lock(mutex_);
  view_ = std::move(view);
}

}  // namespace xc::engine::llama
