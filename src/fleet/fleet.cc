#include "fleet/fleet.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>

#include "base/assert.h"
#include "fleet/fleet_state.h"
#include "fleet/process_memory.h"
#include "fleet/shortcuts.h"
#include "net/hop.h"

namespace xc::fleet {
namespace {

using FleetRef = std::shared_ptr<FleetState>;
using ModelRef = std::shared_ptr<Model>;

// Hears of every change of a model while it lives.
class Listener {
 public:
  Listener(const FleetRef& fleet, ModelRef model)
      : notifier_(fleet->executor),
        model_(std::move(model)),
        at_(model_->listeners.insert(model_->listeners.end(), notifier_.waker())) {}
  ~Listener() { model_->listeners.erase(at_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  Task<bool> wait(Deadline deadline) { return notifier_.wait(deadline); }

 private:
  net::Notifier notifier_;
  ModelRef model_;
  std::list<std::function<void()>>::iterator at_;
};

// A caller that wants the model to be ready. Its leaving is told to the load, which may stop.
class Want {
 public:
  Want(FleetRef fleet, ModelRef model) : fleet_(std::move(fleet)), model_(std::move(model)) {
    ++fleet_->waiting;
    ++model_->wanted_by;
  }
  ~Want() {
    --fleet_->waiting;
    --model_->wanted_by;
    if (model_->worker) model_->worker->usage->wake();
  }
  Want(const Want&) = delete;
  Want& operator=(const Want&) = delete;

 private:
  FleetRef fleet_;
  ModelRef model_;
};

using Resolution = Result<std::shared_ptr<const ModelSpec>>;

// Calls the resolver on the pool; what it throws becomes an Error.
Task<Resolution> ask_resolver(FleetRef fleet, std::string name) {
  auto answer = std::make_shared<Resolution>();
  std::function<void()> work = [fleet, name, answer] {
    try {
      Result<ModelSpec> spec = fleet->resolver(name);
      if (spec) {
        *answer = std::make_shared<const ModelSpec>(std::move(*spec));
      } else {
        *answer = std::unexpected(std::move(spec.error()));
      }
    } catch (const std::exception& error) {
      *answer = fail_internal(fmt::format("resolving {}: {}", name, error.what()));
    }
  };
  co_await fleet->blocking.run(work);
  co_return std::move(*answer);
}

// A name is looked up on disk at most once in resolve_fresh; others go on with the last answer.
Task<Resolution> resolve(FleetRef fleet, std::string name) {
  const auto known = fleet->resolved.find(name);
  if (known != fleet->resolved.end()) {
    const SteadyTime now = fleet->clock.now();
    if (now - known->second.at < fleet->options.resolve_fresh) co_return known->second.spec;
    known->second.at = now;
  }
  Resolution spec = co_await ask_resolver(fleet, name);
  if (!spec) {
    const ModelRef model = fleet->find(name);
    fleet->resolved.erase(name);
    if (model && model->worker && spec.error().message == Message::ModelGone) {
      const Deadline deadline = Deadline::after(fleet->options.drain_timeout);
      model->worker->ask_to_end(deadline, "its file is gone or changed");
    }
    co_return spec;
  }
  if (fleet->resolved.size() >= limits::kResolvedNamesMax) fleet->resolved.clear();
  fleet->resolved[name] = {*spec, fleet->clock.now()};
  co_return spec;
}

bool same_weights(const ModelSpec& a, const ModelSpec& b) {
  return a.weights_path == b.weights_path && a.projector_path == b.projector_path &&
         a.sha256 == b.sha256;
}

bool same_model(const ModelSpec& a, const ModelSpec& b) {
  return same_weights(a, b) && a.context == b.context && a.arguments == b.arguments;
}

// The worker is leasable. The name leads to it from now on without asking here.
Lease lease_on(const FleetRef& fleet, const std::string& name, const Worker& worker,
               const std::shared_ptr<const ModelSpec>& spec) {
  const bool taken = worker.usage->try_take();
  XC_ASSERT(taken);
  std::shared_ptr<const ReadyWorker> ready = worker.ready;
  if (spec->adapter != ready->spec->adapter) {  // the worker is the same, the name is not
    ready = std::make_shared<ReadyWorker>(ReadyWorker{ready->usage, spec, ready->origin});
  }
  const auto looked_up = fleet->resolved.find(name);
  if (looked_up != fleet->resolved.end()) {
    fleet->shortcuts.put(name, ready, looked_up->second.at);
  }
  return Lease(std::move(ready));
}

std::unexpected<Error> shutting_down() { return fail(Code::Unavailable, Message::ShuttingDown); }

std::unexpected<Error> circuit_open(const Model& model, SteadyTime until, SteadyTime now) {
  Error error{Code::Unavailable, Message::ModelFailed, {model.name, model.reason}, {}, {}, 0};
  const auto left = std::chrono::ceil<std::chrono::seconds>(until - now);
  error.retry_after_s = static_cast<int>(std::max<std::int64_t>(left.count(), 1));
  return fail(std::move(error));
}

// One look at the model: a lease, an error, or nothing yet (then `load` is the life to wait for).
std::optional<Result<Lease>> look(const FleetRef& fleet, const std::string& name,
                                  const ModelRef& model,
                                  const std::shared_ptr<const ModelSpec>& spec,
                                  std::uint64_t& load) {
  if (fleet->closing) return shutting_down();
  if (load != 0 && model->failed_load >= load) return fail(model->failure);
  if (const std::shared_ptr<Worker> worker = model->worker) {
    if (!worker->leasable()) {
      const bool coming = worker->state == State::Loading || worker->state == State::BackingOff;
      if (coming && !worker->end_by) load = worker->number;
      return std::nullopt;
    }
    if (same_model(*worker->spec, *spec)) return lease_on(fleet, name, *worker, spec);
    const Deadline drained = Deadline::after(fleet->options.drain_timeout);
    if (same_weights(*worker->spec, *spec)) {
      worker->ask_to_hand_over(drained, "its settings changed");
    } else {
      worker->ask_to_end(drained, "its file changed");
    }
    return std::nullopt;
  }
  const RestartPolicy::Decision decision = model->policy.decide();
  if (decision.verdict == RestartPolicy::Verdict::Open) {
    return circuit_open(*model, decision.until, fleet->clock.now());
  }
  fleet->start_life(model, spec);
  load = model->worker->number;
  return std::nullopt;
}

Task<Result<Lease>> acquire_here(FleetRef fleet, std::string name, Deadline deadline) {
  const SteadyTime asked = fleet->clock.now();
  if (fleet->closing) co_return shutting_down();
  Resolution spec = co_await resolve(fleet, name);
  if (!spec) co_return std::unexpected(std::move(spec.error()));
  const ModelRef model = fleet->model_of(**spec);
  const std::shared_ptr<Worker> ready = model->worker;
  if (!fleet->closing && ready && ready->leasable() && same_model(*ready->spec, **spec)) {
    co_return lease_on(fleet, name, *ready, *spec);
  }
  if (fleet->waiting >= static_cast<int>(limits::kLoadWaitersMax)) {
    Error full{Code::RateLimited, Message::QueueFull, {}, {}, {}, 5};
    full.args = {fmt::format("{}", fleet->waiting), "5"};
    co_return fail(std::move(full));
  }
  const Want want(fleet, model);
  Listener listener(fleet, model);
  std::uint64_t load = 0;
  for (;;) {
    std::optional<Result<Lease>> answer = look(fleet, name, model, *spec, load);
    if (answer) co_return std::move(*answer);
    const bool woken = co_await listener.wait(deadline);
    if (woken) continue;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(fleet->clock.now() - asked);
    co_return fail(Code::Timeout, Message::Deadline, {fmt::format("{}", ms.count())});
  }
}

// Whether the name still leads where its shortcut does. A request that asks meanwhile, and the one
// that found it too old, use the worker as it is; what changed is for the next one.
Task<void> look_again(FleetRef fleet, std::string name) {
  Resolution spec = co_await resolve(fleet, name);
  const ModelRef model = spec ? fleet->model_of(**spec) : nullptr;
  const std::shared_ptr<Worker> worker = model ? model->worker : nullptr;
  if (!fleet->closing && worker && worker->leasable() && same_model(*worker->spec, **spec)) {
    static_cast<void>(lease_on(fleet, name, *worker, *spec));
  } else {
    fleet->shortcuts.forget(name);
  }
}

// From any I/O thread.
Task<Result<Lease>> acquire_there(FleetRef fleet, std::string name, Deadline deadline) {
  auto answer = std::make_shared<std::optional<Result<Lease>>>();
  std::function<Task<void>()> task = [fleet, name, deadline, answer]() -> Task<void> {
    *answer = co_await acquire_here(fleet, name, deadline);
  };
  co_await net::run_on(fleet->executor, task);
  co_return std::move(**answer);
}

Task<Status> stop_here(FleetRef fleet, std::string name, Deadline deadline) {
  const ModelRef model = fleet->find(name);
  if (!model || !model->worker) co_return fail(Code::NotFound, Message::NoModel, {name});
  const std::shared_ptr<Worker> worker = model->worker;
  worker->ask_to_end(deadline, "stopped by an operator");
  Listener listener(fleet, model);
  const Deadline never = Deadline::never();  // the worker's life is bounded by `deadline`
  while (model->worker == worker) co_await listener.wait(never);
  co_return Status();
}

// A worker that runs hands its answers over and goes.
Task<void> replace(FleetRef fleet, ModelRef model, Deadline deadline) {
  const std::shared_ptr<Worker> worker = model->worker;
  const Deadline drained = deadline.sooner(Deadline::after(fleet->options.drain_timeout));
  worker->ask_to_hand_over(drained, "restarted by an operator");
  Listener listener(fleet, model);
  const Deadline never = Deadline::never();  // the worker's life is bounded by `drained`
  while (model->worker == worker) co_await listener.wait(never);
}

Task<Status> restart_here(FleetRef fleet, std::string name, Deadline deadline) {
  const ModelRef model = fleet->find(name);
  const bool open = model && model->policy.open();
  if (!model || (!model->worker && !open)) {
    co_return fail(Code::NotFound, Message::NoModel, {name});
  }
  if (model->worker) {
    Task<void> replacing = replace(fleet, model, deadline);
    co_await std::move(replacing);
  } else {
    model->policy.ready();  // who asks for it says that what ailed it is mended
  }
  Result<Lease> lease = co_await acquire_here(fleet, name, deadline);
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  co_return Status();
}

Task<void> close_here(FleetRef fleet, Deadline deadline) {
  fleet->closing = true;
  // New models cannot appear any more, but the map may grow by a name while we wait.
  std::vector<ModelRef> models;
  for (const auto& [name, model] : fleet->models) models.push_back(model);
  for (const ModelRef& model : models) {
    if (model->worker) model->worker->ask_to_end(deadline, "shutting down");
    model->changed();
  }
  const Deadline never = Deadline::never();
  for (const ModelRef& model : models) {
    Listener listener(fleet, model);
    while (model->worker) co_await listener.wait(never);
  }
  const Deadline soon = Deadline::after(limits::kWorkerKillWait);
  co_await fleet->tasks.join(soon);
}

}  // namespace

Fleet::Fleet(net::Runtime& runtime, net::BlockingPool& blocking, net::Client& client,
             FleetOptions options, ModelResolver resolver, MemoryProbe memory)
    : state_(std::make_shared<FleetState>(runtime, blocking, client, std::move(options),
                                          std::move(resolver), std::move(memory))) {}

// Lives that still run hold the state; without close() nobody else would let go of the children.
Fleet::~Fleet() {
  state_->closing = true;
  for (const auto& [name, model] : state_->models) {
    if (model->worker && model->worker->process) model->worker->process->kill(SIGKILL);
  }
}

Task<Result<Lease>> Fleet::acquire(std::string model, Deadline deadline) {
  const FleetRef fleet = state_;
  Shortcuts::Found found = fleet->shortcuts.take(model, fleet->clock.now());
  if (found.look_again) {
    fleet->tasks.spawn(fleet->executor, [fleet, model] { return look_again(fleet, model); });
  }
  if (found.worker) co_return Lease(std::move(found.worker));
  Result<Lease> lease = co_await acquire_there(fleet, std::move(model), deadline);
  co_return lease;
}

Task<Status> Fleet::stop(std::string model, Deadline deadline) {
  const FleetRef fleet = state_;
  auto answer = std::make_shared<Status>();
  std::function<Task<void>()> task = [fleet, model, deadline, answer]() -> Task<void> {
    *answer = co_await stop_here(fleet, model, deadline);
  };
  co_await net::run_on(fleet->executor, task);
  co_return std::move(*answer);
}

Task<Status> Fleet::restart(std::string model, Deadline deadline) {
  const FleetRef fleet = state_;
  auto answer = std::make_shared<Status>();
  std::function<Task<void>()> task = [fleet, model, deadline, answer]() -> Task<void> {
    *answer = co_await restart_here(fleet, model, deadline);
  };
  co_await net::run_on(fleet->executor, task);
  co_return std::move(*answer);
}

Task<void> Fleet::close(Deadline deadline) {
  const FleetRef fleet = state_;
  std::function<Task<void>()> task = [fleet, deadline]() { return close_here(fleet, deadline); };
  co_await net::run_on(fleet->executor, task);
}

std::vector<ModelStatus> Fleet::status() const {
  const SteadyTime now = state_->clock.now();
  const std::int64_t now_unix_ms = state_->clock.unix_ms();
  std::vector<ModelStatus> all;
  const std::lock_guard hold(state_->published_lock);
  for (const auto& [name, entry] : state_->published) {
    ModelStatus status = entry.status;
    if (status.state == State::BackingOff && !entry.usage && now >= *entry.backing_off_until) {
      status.state = State::Available;
    }
    if (entry.usage) {
      status.in_flight = entry.usage->in_flight();
      status.resident_bytes = memory_of(status.pid).resident_bytes;
    }
    const bool idle = status.state == State::Ready && status.in_flight == 0;
    if (idle && entry.keep_alive.count() >= 0) {
      const auto left = entry.usage->last_used.load() + entry.keep_alive - now;
      status.expires_unix_ms =
          now_unix_ms + std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<Endpoint> Fleet::ready() const {
  std::vector<Endpoint> all;
  const std::lock_guard hold(state_->published_lock);
  for (const auto& [name, entry] : state_->published) {
    if (entry.ready) all.push_back({name, entry.status.pid, entry.ready->origin});
  }
  return all;
}

}  // namespace xc::fleet
