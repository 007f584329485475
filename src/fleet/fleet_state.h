// What the fleet knows. Everything here lives on I/O thread 0, except Usage (atomics), the
// shortcuts and the published list (a lock each). Private to this room.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "fleet/eviction.h"
#include "fleet/fleet.h"
#include "fleet/restart_policy.h"
#include "fleet/shortcuts.h"
#include "fleet/usage.h"
#include "fleet/worker_process.h"

namespace xc::fleet {

// One life of one worker, from the wish to the end. worker_life.cc drives it; others only ask.
struct Worker {
  Worker(boost::asio::any_io_executor executor, std::uint64_t life,
         std::shared_ptr<const ModelSpec> model)
      : number(life), spec(std::move(model)), wake(executor) {
    usage->wake = wake.waker();
  }
  std::uint64_t number;  // grows over all models
  std::shared_ptr<const ModelSpec> spec;
  net::Notifier wake;
  std::shared_ptr<Usage> usage = std::make_shared<Usage>();
  State state = State::Loading;  // or BackingOff, Ready, Draining
  bool admitted = false;         // its memory is reserved
  std::shared_ptr<WorkerProcess> process;
  std::shared_ptr<const ReadyWorker> ready;  // from when it is ready: what leases need
  std::optional<int> exit_status;            // set by the watch on the process
  std::optional<Deadline> end_by;            // somebody asked it to end
  std::string end_why;
  bool hands_over = false;  // its end does not wait for its answers
  std::int64_t started_unix_ms = 0;

  // Then the usage is open: whatever closes it also sets one of these, on this thread.
  bool leasable() const { return state == State::Ready && !end_by && !exit_status; }
  void ask_to_end(Deadline deadline, std::string why);
  // The same for one that another with the same weights replaces.
  void ask_to_hand_over(Deadline deadline, std::string why);
};

// One model that was ever asked for.
struct Model {
  Model(std::string model, RestartLimits limits, const Clock& clock)
      : name(std::move(model)), policy(limits, clock) {}
  std::string name;
  RestartPolicy policy;
  std::shared_ptr<Worker> worker;              // none: not loaded
  int wanted_by = 0;                           // callers that wait for it to be ready
  std::list<std::function<void()>> listeners;  // woken when anything here changes
  std::uint64_t failed_load = 0;               // number of the last life that never got ready
  Error failure;                               // why
  std::string reason;                          // the same for people, also of a crash
  int restarts = 0;
  bool restart_due = false;  // the last life ended unasked

  void changed() {
    for (const auto& wake : listeners) wake();
  }
};

struct FleetState : std::enable_shared_from_this<FleetState> {
  FleetState(net::Runtime& runtime, net::BlockingPool& pool, net::Client& http,
             FleetOptions fleet_options, ModelResolver resolve, MemoryProbe memory);

  boost::asio::any_io_executor executor;  // of I/O thread 0
  net::BlockingPool& blocking;
  net::Client& client;
  const FleetOptions options;
  const ModelResolver resolver;
  const MemoryProbe probe;
  const SystemClock clock;

  struct Resolved {
    std::shared_ptr<const ModelSpec> spec;
    SteadyTime at;
  };
  std::unordered_map<std::string, Resolved> resolved;  // by the name that callers use
  Shortcuts shortcuts;
  std::map<std::string, std::shared_ptr<Model>> models;
  std::deque<Worker*> memory_queue;  // loads that wait for memory, first come first served
  std::uint64_t lives = 0;
  int waiting = 0;  // callers in acquire that wait, over all models
  bool closing = false;
  net::TaskGroup tasks{"fleet"};

  std::shared_ptr<Model> model_of(const ModelSpec& spec);
  // By name or by an alias that was resolved before; null when never asked for.
  std::shared_ptr<Model> find(const std::string& name);
  void start_life(const std::shared_ptr<Model>& model, std::shared_ptr<const ModelSpec> spec);
  // Every admitted worker and what it takes, and what the machine has.
  MemoryState memory_state() const;
  // Lets the first waiting load look again.
  void memory_changed();
  // Makes the model's present state visible to status().
  void publish(const Model& model);

  struct Published {
    ModelStatus status;
    std::optional<SteadyTime> backing_off_until;
    std::chrono::seconds keep_alive{0};
    std::shared_ptr<const Usage> usage;
    std::shared_ptr<const ReadyWorker> ready;
  };
  mutable std::mutex published_lock;
  std::map<std::string, Published> published;
};

}  // namespace xc::fleet
