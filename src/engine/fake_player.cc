#include "engine/fake_player.h"

#include <algorithm>
#include <utility>

namespace xc::engine {
namespace {

void push_handover(FakeJob& job) {
  job.left->parts = {fake_part_of(job)};
  schema::Delta sign;
  sign.choice = kFakeHandedOver;
  job.queue->push(std::move(sign));
}

}  // namespace

FakePlayer::FakePlayer(FakeOptions options) : options_(std::move(options)) {
  thread_ = std::thread([this] { run(); });
}

FakePlayer::~FakePlayer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void FakePlayer::prepare(FakeJob& job, std::string_view text, int n,
                         const FakeLimits& limits) const {
  const auto matches = [text](const FakeScript& s) { return text.find(s.trigger) != text.npos; };
  const auto script = std::ranges::find_if(options_.scripts, matches);
  const bool scripted = script != options_.scripts.end();
  for (int choice = 0; choice < n; ++choice) {
    SeededRandom random(options_.seed + static_cast<std::uint64_t>(choice));
    job.choices.push_back(scripted ? script->deltas : fake_deltas(text, limits, random));
  }
  if (!scripted) return;
  job.endless = script->endless;
  job.error = script->error;
  job.after = script->after;
}

Result<std::unique_ptr<DeltaAnswer>> FakePlayer::submit(FakeJob job, Wake wake) {
  const auto on_space = [this] {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
    changed_.notify_one();
  };
  job.queue = std::make_shared<FakeQueue>(std::move(wake), on_space);
  auto answer = std::make_unique<FakeStream>(job.queue, job.left);
  const std::lock_guard lock(mutex_);
  if (counters_.queued + counters_.running >= options_.queue_max) {
    return fail(Code::RateLimited, Message::QueueFull, {std::to_string(options_.queue_max), "1"});
  }
  ++counters_.requests_total;
  ++counters_.queued;
  counters_.prompt_tokens_asked += static_cast<std::uint64_t>(job.usage.prompt_tokens);
  arrived_.push_back(std::move(job));
  changed_.notify_one();
  return answer;
}

void FakePlayer::hand_over() {
  const std::lock_guard lock(mutex_);
  leaving_ = nudged_ = true;
  changed_.notify_one();
}

Stats FakePlayer::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = counters_;
  stats.cells = options_.context;
  return stats;
}

void FakePlayer::run() {
  std::vector<FakeJob> live;
  while (wait(live)) {
    if (options_.per_step.count() > 0) std::this_thread::sleep_for(options_.per_step);
    std::erase_if(live, [this](FakeJob& job) { return !step(job); });
    const std::lock_guard lock(mutex_);
    counters_.running = static_cast<int>(live.size());
  }
}

// Until there is something to play, and takes what came. False: the end.
bool FakePlayer::wait(std::vector<FakeJob>& live) {
  std::unique_lock lock(mutex_);
  // Parked jobs wait for space or cancellation, and cancellation is not announced: look again.
  const auto due = [this] { return stopping_ || nudged_ || !arrived_.empty(); };
  const bool parked = std::ranges::all_of(live, [](const FakeJob& j) { return j.queue->full(); });
  if (live.empty()) {
    changed_.wait(lock, due);
  } else if (parked) {
    changed_.wait_for(lock, std::chrono::milliseconds(5), due);
  }
  if (stopping_) return false;
  nudged_ = false;
  for (FakeJob& job : arrived_) live.push_back(std::move(job));
  arrived_.clear();
  if (leaving_) {
    for (FakeJob& job : live) push_handover(job);
    live.clear();
  }
  counters_.queued = 0;
  counters_.running = static_cast<int>(live.size());
  ++counters_.steps;
  return true;
}

bool FakePlayer::step(FakeJob& job) {
  if (job.queue->cancelled()) {
    const std::lock_guard lock(mutex_);
    ++counters_.requests_cancelled;
    return false;
  }
  if (job.queue->full()) return true;
  if (!job.prefilled) {
    job.prefilled = true;
    std::this_thread::sleep_for(options_.prefill_per_token * job.usage.prompt_tokens);
    const std::lock_guard lock(mutex_);
    counters_.prompt_tokens_computed += static_cast<std::uint64_t>(job.usage.prompt_tokens);
  }
  bool more = false;
  for (std::size_t choice = 0; choice < job.choices.size(); ++choice) {
    const std::vector<schema::Delta>& deltas = job.choices[choice];
    const std::size_t at = job.endless ? job.step % deltas.size() : job.step;
    if (at >= deltas.size()) continue;
    more = true;
    schema::Delta delta = deltas[at];
    delta.choice = static_cast<int>(choice);
    if (job.step == 0 && choice == 0) delta.prompt = job.usage;
    if (job.is_token(choice, job.step)) ++job.usage.completion_tokens;
    job.queue->push(std::move(delta));
  }
  ++job.step;
  if (!more) finish(job);
  return more;
}

void FakePlayer::finish(FakeJob& job) {
  if (job.after) job.after();
  const bool failed = job.error.has_value();
  {
    const std::lock_guard lock(mutex_);
    counters_.tokens_generated += static_cast<std::uint64_t>(job.usage.completion_tokens);
    counters_.requests_failed += failed ? 1 : 0;
  }
  if (failed) return job.queue->push(std::unexpected(std::move(*job.error)));
  schema::Delta last;
  last.usage = job.usage;
  job.queue->push(std::move(last));
}

}  // namespace xc::engine
