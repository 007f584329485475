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

  struct Found {
    std::shared_ptr<const ReadyWorker> worker;  // with one use of it taken; null: go the long way
    bool look_again = false;                    // this caller, by the way; nobody waits for it
  };
  // When the entry is too old, one caller is told to look again and goes on with it, as the others
  // do until it has looked. Far too old, that one gets null.
  Found take(const std::string& name, SteadyTime now);
  // looked_up: when the catalogue was asked for the name.
  void put(const std::string& name, std::shared_ptr<const ReadyWorker> worker,
           SteadyTime looked_up);
  void forget(const std::string& name);

 private:
  static constexpr int kStaleFactor = 60;  // a minute of the product's second

  struct Entry {
    std::shared_ptr<const ReadyWorker> worker;
    SteadyTime at;
  };
  const Duration fresh_;
  std::mutex lock_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace xc::fleet
