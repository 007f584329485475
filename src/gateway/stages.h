// The stages that every answer passes on its way (DESIGN §4), whatever its API shape.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "fleet/fleet.h"
#include "gateway/call.h"
#include "gateway/estimate.h"
#include "gateway/seat.h"
#include "schema/chat.h"

namespace xc::gateway {

// What a request takes and what it has spent. Closes exactly once: at settle(), or at scope exit
// when the answer broke off or the client went away; what was spent until then counts.
// docs/operating/quota.md says what is billed when.
class Reservation {
 public:
  Reservation(Call& call, const identity::Grant& grant, const identity::Tokens& estimate)
      : call_(&call), grant_(grant), estimate_(estimate), reserved_(estimate) {}
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() { close(); }

  // From when a worker is known; before it nothing is measured.
  // `waited_s`: until a worker was ready.
  void start(Series& series, double waited_s) {
    series_ = &series;
    waited_s_ = waited_s;
  }
  // Deltas that came together. Error: QuotaSpent when the answer outgrew what a budget has left.
  Status spend(const std::vector<schema::Delta>& deltas);
  void spend(const schema::Usage& usage);
  // The answer breaks off before any of it went out. `error` as ended it: when it is not the
  // caller's doing, nothing is billed; a deadline or a spent budget is, else it would be a way to
  // have answers computed for nothing.
  void forgive(const Error& error);
  // The answer is complete.
  void settle();

  // For a worker, once it is known.
  Duration waited() const {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(waited_s_));
  }
  const identity::Tokens& estimate() const { return estimate_; }

 private:
  Status grow();
  void measure(int tokens);
  void close();

  Call* call_;  // null: closed
  identity::Grant grant_;
  identity::Tokens estimate_;
  identity::Tokens reserved_;  // with what it grew by
  identity::Progress progress_;
  Series* series_ = nullptr;
  std::optional<SteadyTime> last_token_;
  double waited_s_ = 0;  // for a worker, then in the worker's queue
};

// Stage: what must not go on to a model.
Status screen(std::string_view model);
// Stage: sets aside what the request may spend, in the accounts of its key, workspace, tenant and
// model. Error: NoModel, NoAdapter; RateLimited with Retry-After (QuotaRequests, QuotaTokens,
// QuotaRunning, QuotaTooLarge); QuotaSpent; BudgetAway. Waits only for a lease of a budget that
// several gateways share, and then for the database.
Task<Result<Reservation>> reserve(Call& call, std::string model, Estimate estimate);
// Stage: the audit log's leaf before the call, with the request where the tenant has contents kept.
// Error: AuditUnavailable: nothing runs unrecorded.
Status admit(Call& call, const Reservation& reservation);
struct Ask;
// Stage: the next place for the question: an endpoint of a pool, or a ready worker, which loads
// when needed. Without pools, and for a model without a route, a worker. Error: as Pools::next and
// Fleet::acquire; ScopeRefused when the caller's key has no pool that could take it; BadHeader for
// X-Xingcha-Secrecy.
Task<Result<Seat>> route(Call& call, Reservation& reservation, const Ask& ask);
// Another endpoint beside the one that the request has, to go on with its answer or to be faster,
// out of the retry budget. Error: as Pools::next.
Result<Seat> route_to_sibling(Call& call, const Reservation& reservation, const Ask& ask,
                              const fleet::Sibling& sibling);
// A worker and nothing else. `model`: as the fleet knows it.
Task<Result<Seat>> route_to_worker(Call& call, Reservation& reservation, std::string model);

// Stage: what an endpoint may send. An endpoint that invents choices is broken, not trusted.
class OutputGuard {
 public:
  explicit OutputGuard(int choices) : choices_(choices) {}
  Status admit(const std::vector<schema::Delta>& deltas) const;

 private:
  int choices_;
};

}  // namespace xc::gateway
