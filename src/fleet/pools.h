// Where requests may go beyond the workers of this machine: the table in force, what is known of
// each endpoint, and the choice of the next place for one request.
//
// Without rows, or for a model without a route, everything goes to the local workers; idle() says
// so without a lock, and then nothing here is asked. All other calls take one lock for as long as a
// choice takes. When the database is cut off, the last table stays in force.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "fleet/breaker.h"
#include "fleet/pool_table.h"

namespace xc::fleet {

// Another endpoint for a request that has or had one: of its pool, for the same model there.
struct Sibling {
  std::string_view pool, model;
  bool continues = false;  // it must be able to go on with an answer
};

// What a request asks of the place that answers it. The views outlive the call.
struct Wish {
  std::string_view model;   // as the caller named it
  std::string_view tenant;  // its clearance counts, and prefixes of tenants are kept apart
  Secrecy secrecy = Secrecy::Public;  // what the request says of itself; the tenant's counts too
  std::int64_t tokens = 0;            // that it is expected to take
  std::string_view text;              // of the prompt, for affinity
  std::function<bool(std::string_view pool)> may_use;  // of the caller's key; empty: all
  std::optional<Sibling> sibling;  // only such a one, and out of the retry budget
};

enum class Outcome : std::uint8_t {
  Done,
  Failed,  // the endpoint's doing
  Busy,    // it said so: it rests, and its breaker does not hear of it
  Left,    // the caller's doing, or ours
};
std::string_view name_of(Outcome outcome);

struct PoolsState;
struct LiveEndpoint;

// A claim on an endpoint. Its tokens count as outstanding until it is destroyed. Ends exactly once:
// by end(), else as Left. Any thread, one at a time.
class EndpointUse {
 public:
  EndpointUse(std::shared_ptr<PoolsState> state, std::shared_ptr<LiveEndpoint> endpoint,
              std::int64_t tokens);
  ~EndpointUse();
  EndpointUse(const EndpointUse&) = delete;
  EndpointUse& operator=(const EndpointUse&) = delete;

  const EndpointRow& row() const;
  const net::Origin& origin() const;
  // The first token came; closes a breaker that was on trial.
  void answered();
  // `rest_s`: of Busy, seconds until it wants to be asked again.
  void end(Outcome outcome, int rest_s = 0);

 private:
  const std::shared_ptr<PoolsState> state_;
  const std::shared_ptr<LiveEndpoint> endpoint_;
  const std::int64_t tokens_;
  bool ended_ = false;
};

struct Place {
  std::string pool;
  std::string model;                 // its name there
  std::unique_ptr<EndpointUse> use;  // null: a worker of this machine
  int hedge_ms = 0;                  // without a first token, then a sibling is asked too; 0: off
};

// The places that one request was given so far. Plain data, owned by the request.
struct Course {
  std::vector<std::string> tried;    // endpoints
  std::vector<std::size_t> spent;    // targets of the model's route that have no place left
  std::optional<std::size_t> stays;  // the target whose pool is asked next
  int places = 0;
};

struct EndpointStatus {
  EndpointRow row;  // without its key
  bool has_key = false;
  bool key_unread = false;  // it cannot be opened, so nothing is sent there
  Breaker::State breaker = Breaker::State::Closed;
  int openings = 0;
  bool down = false;  // as probes say
  bool shut = false;  // its circuit is open, and the next try is not due
  std::int64_t outstanding = 0;
  int running = 0;
  std::uint64_t done = 0, failed = 0, busy = 0, left = 0;  // requests by outcome
};

// What a probe needs.
struct Probe {
  std::string endpoint;
  net::Origin origin;
  std::string path, key;
};

class Pools {
 public:
  // The references outlive it.
  Pools(const Clock& clock, RandomSource& random);

  // Puts a table in force. Endpoints that are in both with the same address keep what is known of
  // them; a new or resumed one begins with one request on trial (warm-up). A row that is not valid
  // is left out and logged.
  void use(const PoolTable& table);
  // No rows at all: every request goes to the local workers.
  bool idle() const;
  // Models with a route, by name.
  std::vector<std::string> models() const;
  std::shared_ptr<const PoolTable> table() const;

  // The next place for the request; `course` grows by it. A model without a route has one place:
  // the local workers, if they are cleared. Error: NotCleared when no pool of the model may take
  // such a request; NoEndpointReady with Retry-After when those that may cannot now, when
  // limits::kPlacesMax were given, or when the pool's budget of second tries is used up.
  Result<Place> next(Course& course, const Wish& wish);

  std::vector<EndpointStatus> status() const;
  // Endpoints to be probed now: all that are not paused.
  std::vector<Probe> probes() const;
  void probed(const std::string& endpoint, bool well);

 private:
  std::shared_ptr<PoolsState> state_;
};

}  // namespace xc::fleet
