// The model processes: starts, watches, restarts, drains and stops them; loads on demand and
// evicts by memory. All state lives on I/O thread 0; the public calls hop there, except acquire()
// of a model that is ready, which takes its worker where it is called (shortcuts.h). The gateway
// links no inference library: a worker is a child process that answers OpenAI HTTP on a Unix
// socket.
//
// A worker that dies is not started again by itself: the next acquire does that, after the
// back-off, and every unasked death counts towards the open circuit (restart_policy.h). Whoever
// holds a lease on a dead worker sees its socket break. A load goes on when its last waiter leaves,
// unless it still waits for memory or for the back-off. Loads that wait for memory are served in
// the order they came, so a large model is not starved by small ones.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/task.h"
#include "net/client.h"
#include "net/runtime.h"

namespace xc::fleet {

// What the fleet needs to know of a model; app/wiring.cc fills it from the catalogue, so that
// fleet and catalog stay apart.
struct ModelSpec {
  std::string name;
  std::string weights_path;
  std::string projector_path;
  std::string sha256;
  int context = 0;                       // tokens a request
  std::uint64_t need_bytes = 0;          // memory to load it
  std::chrono::seconds keep_alive{300};  // idle time before it is unloaded; 0 at once, <0 never
  std::vector<std::string> capabilities;
  std::vector<std::string> arguments;  // further worker arguments
  std::string adapter;  // of the name that was resolved: NAME=SHA256; not part of the worker
};
// Resolves a name or alias. NoModel, ModelGone. Blocking (disk): run on the blocking pool.
using ModelResolver = std::function<Result<ModelSpec>(std::string_view name)>;
// Free memory in bytes now.
using MemoryProbe = std::function<std::uint64_t()>;

enum class State : std::uint8_t { Available, Loading, Ready, Draining, BackingOff, Failed };
std::string_view name_of(State state);

struct ModelStatus {
  std::string name;
  State state = State::Available;
  std::string reason;  // why Failed or BackingOff, for people
  int pid = 0;
  int in_flight = 0;
  int restarts = 0;
  int context = 0;
  std::uint64_t resident_bytes = 0;
  std::int64_t started_unix_ms = 0;
  std::optional<std::int64_t> expires_unix_ms;  // when idle keep-alive ends
};

// A ready worker to be looked at, not used: it may end at any time, and being looked at does not
// keep it alive.
struct Endpoint {
  std::string model;
  int pid = 0;
  net::Origin origin;
};

struct FleetOptions {
  std::string program;     // the binary to start as `program worker …`
  std::string socket_dir;  // mode 0700
  std::string log_dir;     // worker stderr, one file a model, rotated at 1 MiB
  int restarts_max = 5;    // within restart_window, then the circuit opens
  std::chrono::seconds restart_window{120};
  std::chrono::milliseconds backoff_first{200};
  std::chrono::milliseconds backoff_max = limits::kRestartBackoffMax;
  std::chrono::milliseconds circuit_retry{60'000};  // an open circuit half-opens after this
  std::chrono::milliseconds start_timeout = limits::kWorkerStartTimeout;
  std::chrono::milliseconds drain_timeout = limits::kDrainTimeout;  // of a replaced worker
  std::chrono::milliseconds resolve_fresh =
      limits::kResolveFresh;                        // a name is looked up again then
  std::uint64_t memory_reserve_bytes = 256u << 20;  // left to the rest of the machine
};

struct ReadyWorker;  // shortcuts.h

// A claim on a ready worker: while it lives, the worker is busy and is never evicted. Any thread.
class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();
  const net::Origin& origin() const;
  const std::string& model() const;  // the resolved name
  // What the worker must be told of the LoRA adapter that was named; empty: none was.
  const std::string& adapter() const;
  int context() const;

  // Owns one use of the worker, which was taken already.
  explicit Lease(std::shared_ptr<const ReadyWorker> taken);

 private:
  void give_back();
  std::shared_ptr<const ReadyWorker> worker_;  // null: moved from
};

class Fleet {
 public:
  // The references must outlive the fleet.
  Fleet(net::Runtime& runtime, net::BlockingPool& blocking, net::Client& client,
        FleetOptions options, ModelResolver resolver, MemoryProbe memory);
  ~Fleet();  // after close(), or with the loops stopped; workers still running are killed

  // Resolves, loads when needed (waits for it, others waiting share the load), and leases.
  // Error: NoModel, ModelGone, WontFit (with the numbers), ModelFailed (with the reason; at once
  // while the circuit is open), Deadline, QueueFull, ShuttingDown. Any I/O thread. A cancelled
  // caller leaves without harm to others who wait for the same load.
  Task<Result<Lease>> acquire(std::string model, Deadline deadline);
  // Every model that has or had a worker, sorted by name. Any thread; a snapshot.
  std::vector<ModelStatus> status() const;
  // Every worker that is ready, sorted by model. Any thread; a snapshot.
  std::vector<Endpoint> ready() const;
  // Drains and stops one worker, by name or alias; kills it at the deadline. NoModel when none
  // runs.
  Task<Status> stop(std::string model, Deadline deadline);
  // Replaces one worker by a new one and waits until that is ready. Answers that run are handed
  // over: their callers see a pause. Closes an open circuit. NoModel: none runs; else as acquire().
  Task<Status> restart(std::string model, Deadline deadline);
  // Stops taking leases, waits for running ones, stops all workers. Kills at the deadline.
  Task<void> close(Deadline deadline);

 private:
  std::shared_ptr<struct FleetState> state_;
};

}  // namespace xc::fleet
