// The stages that every answer passes on its way (DESIGN §4), whatever its API shape.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "fleet/fleet.h"
#include "gateway/call.h"
#include "schema/chat.h"

namespace xc::gateway {

// What a request takes and what it has spent. Closes exactly once: at settle(), or at scope exit
// when the answer broke off or the client went away; what was spent until then counts.
class Reservation {
 public:
  explicit Reservation(Call& call) : call_(&call) {}
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() { settle(); }

  // From when the model is known; before it nothing is spent.
  // `waited_s`: until a worker was ready.
  void start(Series& series, double waited_s) {
    series_ = &series;
    waited_s_ = waited_s;
  }
  // Deltas that came together.
  void spend(const std::vector<schema::Delta>& deltas);
  void spend(const schema::Usage& usage) { usage_ = usage; }
  void settle();

 private:
  Call* call_;  // null: closed
  Series* series_ = nullptr;
  std::optional<SteadyTime> last_token_;
  double waited_s_ = 0;  // for a worker, then in the worker's queue
  schema::Usage usage_;
};

// Stage: sets aside what the request may spend. Budgets have no limits yet, so it never refuses.
Result<Reservation> reserve(Call& call);
// Stage: what must not go on to a model.
Status screen(std::string_view model);
// Stage: a ready worker for the model; loads it when needed.
Task<Result<fleet::Lease>> route(Call& call, Reservation& reservation, std::string model);

// Stage: what an endpoint may send. An endpoint that invents choices is broken, not trusted.
class OutputGuard {
 public:
  explicit OutputGuard(int choices) : choices_(choices) {}
  Status admit(const std::vector<schema::Delta>& deltas) const;

 private:
  int choices_;
};

}  // namespace xc::gateway
