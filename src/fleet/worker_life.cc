#include "fleet/worker_life.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>

#include "base/log.h"
#include "fleet/worker_log.h"

namespace xc::fleet {
namespace {

using FleetRef = std::shared_ptr<FleetState>;
using ModelRef = std::shared_ptr<Model>;
using WorkerRef = std::shared_ptr<Worker>;

constexpr std::string_view kModule = "fleet";

// Why a worker is not (or no longer) there.
struct End {
  std::optional<Error> error;  // for those who waited for the load
  bool unasked = false;        // counts towards the open circuit
};

Error model_failed(const Model& model, std::string reason) {
  return Error{Code::Unavailable, Message::ModelFailed, {model.name, reason}, {}, {}, 0};
}

End stopped(const Model& model, const Worker& worker) {
  return {model_failed(model, worker.end_why), false};
}

// A load that nobody waits for any more and that has cost nothing yet is dropped.
bool abandoned(const Model& model, const Worker& worker) {
  return worker.end_by || model.wanted_by == 0;
}

Task<End> back_off(FleetRef fleet, ModelRef model, WorkerRef worker) {
  for (;;) {
    const RestartPolicy::Decision decision = model->policy.decide();
    if (decision.verdict == RestartPolicy::Verdict::Start) co_return End{};
    if (abandoned(*model, *worker)) co_return stopped(*model, *worker);
    worker->state = State::BackingOff;
    fleet->publish(*model);
    const Deadline until = Deadline::at(decision.until);
    co_await worker->wake.wait(until);
  }
}

// A place in the queue for memory; leaving it lets the next one look.
class QueuePlace {
 public:
  QueuePlace(FleetRef fleet, Worker* worker) : fleet_(std::move(fleet)), worker_(worker) {
    fleet_->memory_queue.push_back(worker_);
  }
  ~QueuePlace() {
    std::erase(fleet_->memory_queue, worker_);
    fleet_->memory_changed();
  }
  QueuePlace(const QueuePlace&) = delete;
  QueuePlace& operator=(const QueuePlace&) = delete;
  bool first() const { return fleet_->memory_queue.front() == worker_; }

 private:
  FleetRef fleet_;
  Worker* worker_;
};

Error wont_fit(const Model& model, std::uint64_t need, std::uint64_t most) {
  constexpr std::uint64_t kMiB = 1u << 20;
  return Error{
      Code::Unavailable,
      Message::WontFit,
      {model.name, fmt::format("{}", (need + kMiB - 1) / kMiB), fmt::format("{}", most / kMiB)},
      {},
      {},
      0};
}

void evict(FleetState& fleet, const std::vector<std::string>& victims, const Model& model) {
  for (const std::string& name : victims) {
    const auto found = fleet.models.find(name);
    if (found == fleet.models.end() || !found->second->worker) continue;
    if (!found->second->worker->usage->close_if_idle()) continue;  // somebody was faster
    log::info(kModule, "{}: unloading, its memory is needed for {}", name, model.name);
    const Deadline deadline = Deadline::after(fleet.options.drain_timeout);
    found->second->worker->ask_to_end(deadline, fmt::format("evicted for {}", model.name));
  }
}

// Busy workers say when they become idle. Before the look at them, so that none is missed.
void hear_of_idle(FleetState& fleet) {
  for (const auto& [name, model] : fleet.models) {
    if (model->worker) model->worker->usage->announce_idle();
  }
}

Task<End> wait_for_memory(FleetRef fleet, ModelRef model, WorkerRef worker) {
  worker->state = State::Loading;
  fleet->publish(*model);
  const QueuePlace place(fleet, worker.get());
  const std::uint64_t need = worker->spec->need_bytes;
  for (;;) {
    if (abandoned(*model, *worker)) co_return stopped(*model, *worker);
    hear_of_idle(*fleet);
    const Plan plan = plan_load(need, fleet->memory_state());
    if (plan.kind == Plan::Kind::WontFit) {
      co_return End{wont_fit(*model, need, plan.most_bytes), false};
    }
    if (place.first() && plan.kind == Plan::Kind::Fits) {
      worker->admitted = true;  // no await between the plan and the reservation
      co_return End{};
    }
    if (place.first()) evict(*fleet, plan.victims, *model);
    // What programs outside the fleet free is seen by looking again.
    const Deadline soon = Deadline::after(limits::kMemoryPoll);
    co_await worker->wake.wait(soon);
  }
}

Task<void> watch(WorkerRef worker) {
  const int status = co_await worker->process->wait();
  worker->exit_status = status;
  worker->usage->close();
  worker->usage->wake();
}

Task<End> spawn(FleetRef fleet, ModelRef model, WorkerRef worker) {
  WorkerPlace place;
  place.socket_path = fmt::format("{}/w{}.sock", fleet->options.socket_dir, worker->number);
  place.log_path = fmt::format("{}/{}", fleet->options.log_dir, log_file_name(model->name));
  std::vector<std::string> command =
      worker_command(fleet->options.program, *worker->spec, place.socket_path);
  auto started = co_await WorkerProcess::start(fleet->executor, fleet->blocking, std::move(command),
                                               std::move(place));
  if (!started) co_return End{model_failed(*model, text_of(started.error(), Language::En)), true};
  worker->process = std::move(*started);
  worker->started_unix_ms = fleet->clock.unix_ms();
  fleet->tasks.spawn(fleet->executor, [worker] { return watch(worker); });
  fleet->publish(*model);
  log::info(kModule, "{}: loading, process {}", model->name, worker->process->pid());
  co_return End{};
}

Task<End> wait_until_ready(FleetRef fleet, ModelRef model, WorkerRef worker) {
  const Deadline deadline = Deadline::after(fleet->options.start_timeout);
  for (;;) {
    if (worker->exit_status) {
      std::string reason = co_await worker->process->reason(fleet->blocking, *worker->exit_status);
      co_return End{model_failed(*model, std::move(reason)), true};
    }
    if (worker->end_by) co_return stopped(*model, *worker);
    if (deadline.passed(fleet->clock.now())) {
      worker->process->kill(SIGKILL);
      const auto seconds = std::chrono::duration<double>(fleet->options.start_timeout).count();
      co_return End{model_failed(*model, fmt::format("not ready within {} s", seconds)), true};
    }
    const bool ready = co_await worker->process->answers(fleet->client);
    if (ready && !worker->exit_status) co_return End{};
    if (ready) continue;
    const Deadline soon = Deadline::after(limits::kReadyPoll);
    co_await worker->wake.wait(soon);
  }
}

// The point at which an idle worker is unloaded; never while it is used or about to be.
Deadline idle_end(const Model& model, const Worker& worker) {
  if (worker.spec->keep_alive.count() < 0 || model.wanted_by > 0) return Deadline::never();
  worker.usage->announce_idle();  // before the look: who leaves after it wakes us
  if (worker.usage->in_flight() > 0) return Deadline::never();
  worker.usage->stay_silent();  // short uses until the deadline need not wake us
  return Deadline::at(worker.usage->last_used.load() + worker.spec->keep_alive);
}

// Until it dies or is asked to end.
Task<End> serve(FleetRef fleet, ModelRef model, WorkerRef worker) {
  worker->usage->last_used = fleet->clock.now();
  worker->ready = std::make_shared<const ReadyWorker>(
      ReadyWorker{worker->usage, worker->spec, worker->process->origin()});
  worker->state = State::Ready;
  model->policy.ready();
  fleet->publish(*model);
  log::info(kModule, "{}: ready after {} ms", model->name,
            fleet->clock.unix_ms() - worker->started_unix_ms);
  model->changed();
  SteadyTime log_check = fleet->clock.now();
  for (;;) {
    if (worker->exit_status) {
      std::string reason = co_await worker->process->reason(fleet->blocking, *worker->exit_status);
      co_return End{model_failed(*model, std::move(reason)), true};
    }
    if (worker->end_by) co_return End{};
    const Deadline idle = idle_end(*model, *worker);
    if (idle.passed(fleet->clock.now())) {
      if (!worker->usage->close_if_idle()) continue;  // taken just now
      const Deadline deadline = Deadline::after(fleet->options.drain_timeout);
      worker->ask_to_end(deadline, "idle");
      continue;
    }
    fleet->memory_changed();  // it may be idle now, and evictable
    if (fleet->clock.now() >= log_check) {
      co_await worker->process->bound_log(fleet->blocking);
      log_check = fleet->clock.now() + limits::kWorkerLogCheck;
    }
    const Deadline next = idle.sooner(Deadline::at(log_check));
    co_await worker->wake.wait(next);
  }
}

// True when the process is gone by the deadline.
Task<bool> wait_for_exit(WorkerRef worker, Deadline deadline) {
  bool in_time = true;
  while (!worker->exit_status && in_time) in_time = co_await worker->wake.wait(deadline);
  co_return worker->exit_status.has_value();
}

// Its answers end now and go on in the next worker. Whoever still has a lease after that reads
// slowly: what the worker wrote stays readable when it is gone, so nobody waits for him.
Task<bool> hand_over(FleetRef fleet, ModelRef model, WorkerRef worker) {
  const bool told = co_await worker->process->hand_over(fleet->client);
  if (!told) log::warn(kModule, "{}: does not hand over; draining", model->name);
  const Deadline soon = Deadline::after(limits::kHandoverTimeout);
  bool in_time = told;
  while (in_time && worker->usage->in_flight() > 0 && !worker->exit_status) {
    in_time = co_await worker->wake.wait(soon);
  }
  co_return told;
}

// Waits for the leases, then asks the process to end, then makes it.
Task<void> drain(FleetRef fleet, ModelRef model, WorkerRef worker) {
  if (!worker->process || worker->exit_status) co_return;
  worker->state = State::Draining;
  fleet->publish(*model);
  model->changed();
  // A worker that failed to get ready was killed already and nobody asked for its end.
  const Deadline kill_by = worker->end_by.value_or(Deadline::at(fleet->clock.now()));
  bool handed_over = false;
  if (worker->hands_over) handed_over = co_await hand_over(fleet, model, worker);
  while (!handed_over && worker->usage->in_flight() > 0 && !worker->exit_status) {
    const Deadline until = worker->end_by.value_or(kill_by);  // a second request may shorten it
    if (until.passed(fleet->clock.now())) break;
    co_await worker->wake.wait(until);
  }
  const Deadline until = worker->end_by.value_or(kill_by);
  if (!worker->exit_status && !until.passed(fleet->clock.now())) {
    worker->process->kill(SIGTERM);
    const Deadline patience = until.sooner(Deadline::after(limits::kWorkerTermTimeout));
    co_await wait_for_exit(worker, patience);
  }
  if (worker->exit_status) co_return;
  worker->process->kill(SIGKILL);
  const Deadline last = Deadline::after(limits::kWorkerKillWait);
  const bool gone = co_await wait_for_exit(worker, last);
  if (!gone)
    log::error(kModule, "{}: process {} survives SIGKILL", model->name, worker->process->pid());
}

// Whatever happens to the coroutine, the model gets rid of its worker and everybody looks again.
class Settlement {
 public:
  Settlement(FleetRef fleet, ModelRef model, WorkerRef worker)
      : fleet_(std::move(fleet)), model_(std::move(model)), worker_(std::move(worker)) {}
  ~Settlement() {
    if (model_->worker == worker_) model_->worker.reset();
    worker_->admitted = false;
    fleet_->publish(*model_);
    model_->changed();
    fleet_->memory_changed();
  }
  Settlement(const Settlement&) = delete;
  Settlement& operator=(const Settlement&) = delete;

 private:
  FleetRef fleet_;
  ModelRef model_;
  WorkerRef worker_;
};

// Before the drain, which wakes the callers: they must find the reason then.
void record(const End& end, Model& model, const Worker& worker, bool was_ready) {
  if (end.error && !was_ready) {
    model.failed_load = worker.number;
    model.failure = *end.error;
  }
  if (end.unasked) {
    model.policy.failed();
    model.restart_due = true;
    model.reason = end.error->args.at(1);
    log::warn(kModule, "{}: {}: {}{}", model.name, was_ready ? "died" : "did not start",
              model.reason, model.policy.open() ? "; the circuit is open" : "");
  }
}

}  // namespace

Task<void> live(FleetRef fleet, ModelRef model, WorkerRef worker) {
  const Settlement settlement(fleet, model, worker);
  bool was_ready = false;
  End end = co_await back_off(fleet, model, worker);
  if (!end.error) end = co_await wait_for_memory(fleet, model, worker);
  if (!end.error) end = co_await spawn(fleet, model, worker);
  if (!end.error) end = co_await wait_until_ready(fleet, model, worker);
  if (!end.error) {
    was_ready = true;
    end = co_await serve(fleet, model, worker);
  }
  record(end, *model, *worker, was_ready);
  co_await drain(fleet, model, worker);
  if (!worker->end_why.empty()) log::info(kModule, "{}: ended: {}", model->name, worker->end_why);
}

}  // namespace xc::fleet
