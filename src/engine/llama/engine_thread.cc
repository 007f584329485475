#include "engine/llama/engine_thread.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/limits.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

// Chunks are copied out when nobody has asked for anything for this long.
constexpr std::chrono::milliseconds kIdleBeforeSaving{30};
constexpr std::chrono::milliseconds kDiskPoll{5};

SchedulerOptions scheduler_options(const Model& model) {
  const LoadOptions& load = model.options();
  SchedulerOptions options;
  options.sequences = load.sequences;
  options.cells = model.facts().cells;
  options.can_share = model.can_share_prefixes();
  // One micro-batch a step loses no speed, and a newcomer waits for one at most.
  options.step_tokens = load.micro_batch;
  options.draft_rows_max = load.speculation == "off" ? 0 : limits::kDraftRows;
  options.score_rows_max = limits::kScoreRows;
  options.target_tbt_ms = load.target_tbt_ms;
  options.class_tbt_ms = {static_cast<double>(load.target_tbt_interactive_ms), 0,
                          static_cast<double>(load.target_tbt_background_ms)};
  options.queue.waiting_max = static_cast<std::size_t>(load.queue_max);
  options.queue.tenant_waiting_max = static_cast<std::size_t>(load.queue_per_tenant_max);
  return options;
}

std::unique_ptr<ChunkShelf> shelf_on(ChunkStore* store, Cache& cache, const LoadOptions& load) {
  if (store == nullptr) return nullptr;
  const auto ram = static_cast<std::uint64_t>(load.chunk_ram_mib) << 20U;
  return std::make_unique<ChunkShelf>(*store, cache, divided(ram).tails);
}

std::unique_ptr<CheckpointShelf> checkpoints_on(Cache& cache, const Model& model) {
  const int ram_mib = model.options().chunk_ram_mib;
  if (model.can_share_prefixes() || ram_mib <= 0) return nullptr;
  return std::make_unique<CheckpointShelf>(cache, static_cast<std::uint64_t>(ram_mib) << 20U);
}

KvShelf* one_of(KvShelf* shelf, KvShelf* checkpoints) {
  return shelf != nullptr ? shelf : checkpoints;
}

}  // namespace

EngineThread::EngineThread(const Model& model, ContextPtr context, Adapters& adapters,
                           Vision* vision, Vectors* vectors, DraftModel* drafter, ChunkStore* store)
    : model_(model),
      pool_(model.options().threads),
      context_(std::move(context)),
      order_(context_.get()),
      adapters_(adapters),
      vision_(vision),
      vectors_(vectors),
      drafter_(drafter),
      store_(store),
      cache_(context_.get(), model.options().sequences),
      shelf_(shelf_on(store, cache_, model.options())),
      checkpoints_(checkpoints_on(cache_, model)),
      scheduler_(scheduler_options(model), cache_, one_of(shelf_.get(), checkpoints_.get())),
      governor_(static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)), model.options().threads),
      batch_(model.options().micro_batch + model.options().sequences + limits::kDraftRows) {
  counters_.cells = model.facts().cells;
  scheduler_.use(drafter);
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

// The scheduler's queue says who is refused and when to come again; it knows what waits there and
// at what pace it goes. Here only what may come during one step is bounded.
Status EngineThread::submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    const int most =
        std::max(model_.options().queue_max, static_cast<int>(limits::kWorkerQueueMax));
    if (static_cast<int>(inbox_.size()) >= most) {
      return std::unexpected(queue_full());
    }
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

void EngineThread::loop() {
  while (wait_for_work()) {
    take_inbox();
    if (shelf_ != nullptr) shelf_->poll();
    if (leaving()) {
      hand_over_all();
    } else {
      step();
    }
    publish();
  }
  const Error leaving{Code::Unavailable, Message::ShuttingDown, {}, {}, {}, 0};
  take_inbox();
  scheduler_.save_all();
  for (const auto& run : scheduler_.running()) fail_run(static_cast<Run&>(*run), leaving);
  for (const auto& [id, run] : scheduler_.queued()) fail_run(static_cast<Run&>(*run), leaving);
  for (auto& job : vector_jobs_) job->queue->push(std::unexpected(leaving));
}

// Blocks while there is nothing to do. A parked lane wakes through poke().
bool EngineThread::wait_for_work() {
  ask_readers();
  std::unique_lock lock(mutex_);
  if (stalled_) {
    wake_.wait_for(lock, kDiskPoll, [this] { return has_news(); });
  } else if (vector_jobs_.empty() && !scheduler_.has_work()) {
    governor_.resume();
    use_idle_time(lock);
    wake_.wait(lock, [this] { return has_news(); });
  }
  poked_ = false;
  return !stop_;
}

// Saves what the cache holds, then tries what steps cost, until somebody asks for something.
void EngineThread::use_idle_time(std::unique_lock<std::mutex>& lock) {
  if (wake_.wait_for(lock, kIdleBeforeSaving, [this] { return has_news(); })) return;
  bool more = true;
  while (more && !has_news()) {
    lock.unlock();
    more = scheduler_.save_idle() || probe_rows();
    lock.lock();
  }
}

// One trial step in the sequence that ranges are copied through. False: there is none to make.
bool EngineThread::probe_rows() {
  const int threads = governor_.threads(std::chrono::steady_clock::now());
  const std::optional<RowProbe::Step> trial = probe_.next(threads);
  const SequencePool& pool = scheduler_.pool();
  if (!trial || pool.cells() - pool.cells_used() < RowProbe::kRowsMax) return false;
  if (model_.options().speculation == "off" || !model_.can_share_prefixes()) return false;
  const int scratch = model_.options().sequences;
  batch_.clear();
  for (int i = 0; i < trial->rows; ++i) batch_.add(0, i, scratch, true);
  pool_.use(context_.get(), threads);
  const QuietLog quiet;
  probing_ = true;
  const auto started = std::chrono::steady_clock::now();
  const int code = llama_decode(context_.get(), batch_.raw());
  if (code == 0) llama_synchronize(context_.get());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
  probing_ = false;
  llama_memory_seq_rm(llama_get_memory(context_.get()), scratch, -1, -1);
  if (code == 2) return false;  // somebody asks: again at the next pause
  probe_.tried(threads);
  if (code == 0 && trial->counts) scheduler_.tried(threads, trial->rows, took.count());
  return true;
}

void EngineThread::take_inbox() {
  std::deque<std::unique_ptr<Job>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(inbox_);
    for (auto& job : vector_inbox_) vector_jobs_.push_back(std::move(job));
    vector_inbox_.clear();
  }
  for (auto& job : jobs) admit_job(std::move(job));
}

void EngineThread::admit_job(std::unique_ptr<Job> job) {
  auto run = std::make_unique<Run>();
  run->tenant = job->context.tenant;
  run->adapter = job->adapter != nullptr ? job->adapter->number : 0;
  if (shelf_ != nullptr && job->space != nullptr) shelf_->set_space(run->space(), job->space);
  run->key = job->context.key;
  run->priority = job->context.priority;
  run->deadline = job->context.deadline;
  run->arrived = job->arrived;
  run->max_tokens = job->max_tokens;
  run->lanes_wanted = static_cast<int>(job->samplers.size());
  run->score_prompt = job->score_prompt;
  if (!job->media.empty()) run->reuse_max = job->media.front().at;
  if (job->past.empty()) {
    auto choice = std::make_unique<Choice>(job->stops);
    choice->target = job->prompt;
    choice->sampler = std::move(job->samplers.front());
    if (job->speculation) choice->speculation = std::make_unique<Lane::Speculation>();
    run->lanes.push_back(std::move(choice));
  } else {
    resume_lanes(*run, *job);
  }
  run->job = std::move(job);
  auto refused = scheduler_.submit(std::move(run), std::chrono::steady_clock::now());
  if (refused) fail_run(static_cast<Run&>(*refused->request), std::move(refused->error));
}

// Who still reads, and who lags.
void EngineThread::ask_readers() {
  for (const auto& request : scheduler_.running()) {
    Run& run = static_cast<Run&>(*request);
    run.cancelled = run.job->queue->cancelled();
    const bool lags = run.job->queue->full();
    for (auto& lane : run.lanes) lane->parked = lags;
  }
  for (const auto& [id, request] : scheduler_.queued()) {
    request->cancelled = static_cast<Run&>(*request).job->queue->cancelled();
  }
}

void EngineThread::step() {
  ask_readers();
  scheduler_.sweep(std::chrono::steady_clock::now(), [](Request& request, const Error* error) {
    if (error == nullptr) return;
    Piece piece;
    piece.error = *error;
    static_cast<Run&>(request).job->queue->push(std::move(piece));
  });
  bool worked = step_media() || step_tokens();
  if (!vector_jobs_.empty()) {
    worked = true;
    if (!vectors_->step(*vector_jobs_.front(), adapters_)) {
      vectors_->forget();
      vector_jobs_.pop_front();
    }
  }
  stalled_ = !worked && scheduler_.has_work();
  scheduler_.retire();
}

void EngineThread::fail_run(Run& run, Error error) {
  ++counters_.requests_failed;
  scheduler_.abandon(run);
  Piece piece;
  piece.error = std::move(error);
  run.job->queue->push(std::move(piece));
}

}  // namespace xc::engine::llama
