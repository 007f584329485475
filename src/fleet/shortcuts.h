// The short way to a ready worker: without a hop to I/O thread 0. Private to this room.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "fleet/fleet.h"
#include "fleet/usage.h"

namespace xc::fleet {

// What a lease needs of its worker. Immutable; outlives the worker.
struct ReadyWorker {
  std::shared_ptr<Usage> usage;
  std::shared_ptr<const ModelSpec> spec;
  net::Origin origin;
};

// Names that callers used lately and the worker each led to. Only a cache: what is not here, is too
// old or is closed goes the long way, which decides everything and puts its answer here.
// Thread-safe; the lock is held for one look-up.
class Shortcuts {
 public:
  // `fresh`: how long the catalogue's word on a name holds.
  explicit Shortcuts(Duration fresh) : fresh_(fresh) {}

  // The worker, with one use of it taken; null: go the long way. When the entry is too old, one
  // caller gets null and the others go on with it until that one has looked.
  std::shared_ptr<const ReadyWorker> take(const std::string& name, SteadyTime now);
  // looked_up: when the catalogue was asked for the name.
  void put(const std::string& name, std::shared_ptr<const ReadyWorker> worker,
           SteadyTime looked_up);

 private:
  struct Entry {
    std::shared_ptr<const ReadyWorker> worker;
    SteadyTime at;
  };
  const Duration fresh_;
  std::mutex lock_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace xc::fleet
