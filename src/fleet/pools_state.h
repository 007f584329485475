// What Pools keeps behind its lock. Private to this room.
#pragma once

#include <map>
#include <mutex>

#include "fleet/pools.h"
#include "fleet/prefix_memory.h"
#include "fleet/retry_budget.h"

namespace xc::fleet {

struct LiveEndpoint {
  LiveEndpoint(EndpointRow r, net::Origin o) : row(std::move(r)), origin(std::move(o)) {}
  const EndpointRow row;
  const net::Origin origin;
  // Under PoolsState::mutex; shared by the rows of one address, which replace each other.
  struct Known {
    Breaker breaker;
    std::int64_t outstanding = 0;
    int running = 0;
    int probe_failures = 0;
    SteadyTime resting_until{};
    std::uint64_t outcomes[4] = {};  // by Outcome
  };
  std::shared_ptr<Known> known = std::make_shared<Known>();

  bool down() const { return known->probe_failures >= limits::kProbeFailures; }
  bool may(SteadyTime now) const {
    return row.state == EndpointState::Active && row.unread.empty() && !down() &&
           now >= known->resting_until;
  }
  bool ready(SteadyTime now) const { return may(now) && known->breaker.allows(now); }
  // Only its warm-up speaks against it.
  bool warming(SteadyTime now) const { return may(now) && known->breaker.warming(); }
};

struct PoolsState {
  PoolsState(const Clock& c, RandomSource& r) : clock(c), random(r) {}
  const Clock& clock;
  RandomSource& random;
  std::atomic<bool> idle{true};
  mutable std::mutex mutex;
  // Under mutex from here on. Never null; the table itself does not change.
  std::shared_ptr<const PoolTable> table = std::make_shared<PoolTable>();
  std::vector<std::shared_ptr<LiveEndpoint>> endpoints;
  std::map<std::string, PrefixMemory, std::less<>> prefixes;  // by pool
  // By model, not by pool: a pool that is only a reserve has no first tries of its own.
  std::map<std::string, RetryBudget, std::less<>> retries;
};

}  // namespace xc::fleet
