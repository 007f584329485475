#include "fleet/fleet_state.h"

#include "base/log.h"
#include "fleet/process_memory.h"
#include "fleet/worker_life.h"

namespace xc::fleet {
namespace {

Occupation occupation_of(const Worker& worker) {
  if (worker.exit_status || worker.end_by) return Occupation::Draining;
  if (worker.state != State::Ready) return Occupation::Loading;
  return worker.usage->in_flight() > 0 ? Occupation::Busy : Occupation::Idle;
}

State state_of(const Model& model, RestartPolicy::Decision decision) {
  if (model.worker) return model.worker->state;
  if (model.policy.open()) return State::Failed;
  return decision.verdict == RestartPolicy::Verdict::BackOff ? State::BackingOff : State::Available;
}

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::Available:
      return "available";
    case State::Loading:
      return "loading";
    case State::Ready:
      return "ready";
    case State::Draining:
      return "draining";
    case State::BackingOff:
      return "backing_off";
    case State::Failed:
      return "failed";
  }
  return "unknown";
}

void Worker::ask_to_end(Deadline deadline, std::string why) {
  usage->close();
  if (end_by) {
    end_by = end_by->sooner(deadline);
  } else {
    end_by = deadline;
    end_why = std::move(why);
  }
  usage->wake();
}

void Worker::ask_to_hand_over(Deadline deadline, std::string why) {
  if (!end_by) hands_over = true;
  ask_to_end(deadline, std::move(why));
}

FleetState::FleetState(net::Runtime& runtime, net::BlockingPool& pool, net::Client& http,
                       FleetOptions fleet_options, ModelResolver resolve, MemoryProbe memory)
    : executor(runtime.executor(0)),
      blocking(pool),
      client(http),
      options(std::move(fleet_options)),
      resolver(std::move(resolve)),
      probe(std::move(memory)),
      shortcuts(options.resolve_fresh) {}

std::shared_ptr<Model> FleetState::model_of(const ModelSpec& spec) {
  std::shared_ptr<Model>& model = models[spec.name];
  if (!model) {
    const RestartLimits limits{options.restarts_max, options.restart_window, options.backoff_first,
                               options.backoff_max, options.circuit_retry};
    model = std::make_shared<Model>(spec.name, limits, clock);
  }
  return model;
}

std::shared_ptr<Model> FleetState::find(const std::string& name) {
  const auto alias = resolved.find(name);
  const auto found = models.find(alias == resolved.end() ? name : alias->second.spec->name);
  return found == models.end() ? nullptr : found->second;
}

void FleetState::start_life(const std::shared_ptr<Model>& model,
                            std::shared_ptr<const ModelSpec> spec) {
  auto worker = std::make_shared<Worker>(executor, ++lives, std::move(spec));
  if (std::exchange(model->restart_due, false)) ++model->restarts;
  model->worker = worker;
  publish(*model);
  tasks.spawn(executor,
              [self = shared_from_this(), model, worker] { return live(self, model, worker); });
}

MemoryState FleetState::memory_state() const {
  MemoryState state{probe(), options.memory_reserve_bytes, {}};
  for (const auto& [name, model] : models) {
    if (!model->worker || !model->worker->admitted) continue;
    const Worker& worker = *model->worker;
    const ProcessMemory used = memory_of(worker.process ? worker.process->pid() : 0);
    state.occupants.push_back({name, std::max(worker.spec->need_bytes, used.resident_bytes),
                               used.private_bytes, occupation_of(worker),
                               worker.usage->last_used.load()});
  }
  return state;
}

void FleetState::memory_changed() {
  if (!memory_queue.empty()) memory_queue.front()->usage->wake();
}

void FleetState::publish(const Model& model) {
  const RestartPolicy::Decision decision = model.policy.decide();
  Published entry;
  entry.status.name = model.name;
  entry.status.state = state_of(model, decision);
  entry.status.restarts = model.restarts;
  const bool troubled =
      entry.status.state == State::Failed || entry.status.state == State::BackingOff;
  if (troubled) entry.status.reason = model.reason;
  if (entry.status.state == State::BackingOff) entry.backing_off_until = decision.until;
  if (model.worker) {
    const Worker& worker = *model.worker;
    entry.status.pid = worker.process && !worker.exit_status ? worker.process->pid() : 0;
    entry.status.context = worker.spec->context;
    entry.status.started_unix_ms = worker.started_unix_ms;
    entry.keep_alive = worker.spec->keep_alive;
    entry.usage = worker.usage;
    if (worker.leasable()) entry.ready = worker.ready;
  }
  const std::lock_guard hold(published_lock);
  published[model.name] = std::move(entry);
}

}  // namespace xc::fleet
