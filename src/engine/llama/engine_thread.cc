#include "engine/llama/engine_thread.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/limits.h"
#include "engine/llama/cache.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

constexpr int kReserveMax = 256;           // cells set aside for a request's answer at admission
constexpr int kPrefillBesideDecode = 256;  // prompt tokens a step while somebody decodes

StepBudget budget_of(const Model& model) {
  StepBudget budget;
  // One micro-batch a step loses no speed, and a newcomer waits for one at most.
  budget.tokens = model.options().micro_batch;
  budget.prefill_beside_decode = std::min(kPrefillBesideDecode, budget.tokens);
  return budget;
}

}  // namespace

EngineThread::EngineThread(const Model& model, ContextPtr context, Vision* vision, Vectors* vectors)
    : model_(model),
      context_(std::move(context)),
      vision_(vision),
      vectors_(vectors),
      cache_(std::make_unique<Cache>(context_.get())),
      pool_(model.options().sequences, model.facts().cells, model.can_share_prefixes(), *cache_),
      budget_(budget_of(model)),
      governor_(static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)), model.options().threads),
      batch_(budget_.tokens + model.options().sequences) {
  counters_.cells = model.facts().cells;
  llama_set_abort_callback(
      context_.get(), [](void* self) { return static_cast<EngineThread*>(self)->step_cancelled(); },
      this);
  thread_ = std::thread([this] { loop(); });
}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Error EngineThread::queue_full() const {
  Error error{Code::RateLimited, Message::QueueFull, {}, {}, {}, 1};
  const double step_s = stats_.step_ms_mean / 1000.0;
  error.retry_after_s = std::clamp(static_cast<int>(std::ceil(step_s * pending_)), 1, 60);
  error.args = {std::to_string(pending_), std::to_string(error.retry_after_s)};
  return error;
}

Status EngineThread::submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (pending_ >= model_.options().queue_max) return std::unexpected(queue_full());
    ++pending_;
    inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

Status EngineThread::submit(std::unique_ptr<VectorJob> job) {
  {
    const std::lock_guard lock(mutex_);
    if (pending_ >= model_.options().queue_max) return std::unexpected(queue_full());
    ++pending_;
    vector_inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

void EngineThread::poke() {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
  }
  wake_.notify_one();
}

Stats EngineThread::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void EngineThread::publish_stats() {
  counters_.queued = static_cast<int>(waiting_.size() + vector_jobs_.size());
  counters_.running = static_cast<int>(running_.size());
  counters_.cells_used = pool_.cells_used();
  const std::lock_guard lock(mutex_);
  pending_ = counters_.queued + static_cast<int>(inbox_.size() + vector_inbox_.size());
  stats_ = counters_;
}

void EngineThread::loop() {
  while (wait_for_work()) {
    take_inbox();
    drop_cancelled();
    admit();
    bool worked = step_media();
    if (!worked) {
      const auto started = std::chrono::steady_clock::now();
      const int threads = governor_.threads(started);
      if (threads != llama_n_threads(context_.get())) {
        llama_set_n_threads(context_.get(), threads, threads);
      }
      worked = step_tokens();
      if (worked) {
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - started;
        counters_.step_ms_mean += (took.count() - counters_.step_ms_mean) * 0.1;
        ++counters_.steps;
      }
    }
    if (!vector_jobs_.empty() && !vectors_->step(*vector_jobs_.front())) {
      vectors_->forget();
      vector_jobs_.pop_front();
    }
    retire_ended();
    publish_stats();
  }
  const Error leaving{Code::Unavailable, Message::ShuttingDown, {}, {}, {}, 0};
  take_inbox();
  for (auto& run : running_) fail_run(*run, leaving);
  for (auto& run : waiting_) fail_run(*run, leaving);
  for (auto& job : vector_jobs_) job->queue->push(std::unexpected(leaving));
}

// Blocks while there is nothing to do. A parked sequence wakes through poke().
bool EngineThread::wait_for_work() {
  bool idle = vector_jobs_.empty() && waiting_.empty();
  for (const auto& run : running_) {
    if (run->job->queue->cancelled() || !run->job->queue->full()) idle = false;
  }
  std::unique_lock lock(mutex_);
  if (idle) {
    governor_.resume();
    wake_.wait(lock,
               [this] { return stop_ || poked_ || !inbox_.empty() || !vector_inbox_.empty(); });
  }
  poked_ = false;
  return !stop_;
}

void EngineThread::take_inbox() {
  std::deque<std::unique_ptr<Job>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(inbox_);
    for (auto& job : vector_inbox_) vector_jobs_.push_back(std::move(job));
    vector_inbox_.clear();
  }
  for (auto& job : jobs) {
    auto run = std::make_unique<Run>();
    run->arrival = ++arrivals_;
    run->prompt_tokens = static_cast<int>(job->prompt.size());
    // Choices beyond the first start as copies of it, once the prompt is computed.
    auto choice = std::make_unique<Choice>(job->stops);
    choice->run = run.get();
    choice->target = job->prompt;
    choice->sampler = std::move(job->samplers.front());
    run->choices.push_back(std::move(choice));
    run->job = std::move(job);
    ++counters_.requests_total;
    counters_.prompt_tokens_asked += static_cast<std::uint64_t>(run->prompt_tokens);
    waiting_.push_back(std::move(run));
  }
}

void EngineThread::drop_cancelled() {
  const auto now = std::chrono::steady_clock::now();
  const auto sweep = [&](std::list<std::unique_ptr<Run>>& runs) {
    for (auto& run : runs) {
      if (run->job->queue->cancelled()) {
        ++counters_.requests_cancelled;
        for (auto& choice : run->choices) {
          unplace(*choice, false);
          choice->done = true;
        }
      } else if (run->job->context.deadline.passed(now)) {
        fail_run(*run, {Code::Timeout, Message::Deadline, {"0"}, {}, {}, 0});
      }
    }
  };
  sweep(running_);
  sweep(waiting_);
  std::erase_if(waiting_, [](const auto& run) { return run->ended(); });
  std::erase_if(running_, [](const auto& run) { return run->ended(); });
}

// In order of arrival: who comes first is placed first, and nobody overtakes.
void EngineThread::admit() {
  for (auto& run : running_) {  // further choices that found no sequence when they were made
    for (auto& choice : run->choices) {
      if (!choice->done && choice->seq < 0 && !place(*choice, 0)) return;
    }
  }
  while (!waiting_.empty()) {
    Run& run = *waiting_.front();
    const int left = run.job->max_tokens * static_cast<int>(run.job->samplers.size());
    for (auto& choice : run.choices) {
      const bool needs = !choice->done && choice->seq < 0;
      if (needs && !place(*choice, std::min(left, kReserveMax))) return;
    }
    if (run.admitted == SteadyTime{}) run.admitted = std::chrono::steady_clock::now();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

bool EngineThread::place(Choice& choice, int reserve) {
  const Job& job = *choice.run->job;
  int reuse_max = static_cast<int>(choice.target.size()) - 1;
  if (!job.media.empty()) reuse_max = std::min(reuse_max, job.media.front().at);
  const auto claim = pool_.claim(choice.target, reuse_max, reserve, job.salt);
  if (!claim) return false;
  choice.seq = claim->seq;
  choice.media_shift = 0;
  if (choice.generated == 0 && choice.number == 0) choice.run->cached_tokens = claim->reused;
  return true;
}

void EngineThread::unplace(Choice& choice, bool retain) {
  if (choice.seq < 0) return;
  pool_.release(choice.seq, retain);
  choice.seq = -1;
}

std::vector<Choice*> EngineThread::placed() {
  std::vector<Choice*> choices;
  for (auto& run : running_) {
    for (auto& choice : run->choices) {
      if (choice->seq >= 0 && !choice->done) choices.push_back(choice.get());
    }
  }
  return choices;
}

void EngineThread::fail_run(Run& run, Error error) {
  ++counters_.requests_failed;
  for (auto& choice : run.choices) {
    unplace(*choice, false);
    choice->done = true;
  }
  Piece piece;
  piece.error = std::move(error);
  run.job->queue->push(std::move(piece));
}

void EngineThread::retire_ended() {
  std::erase_if(running_, [](const auto& run) { return run->ended(); });
}

}  // namespace xc::engine::llama
