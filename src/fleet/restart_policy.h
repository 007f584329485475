// When a model's worker may be started again after it failed. Pure: time comes from the clock.
// Not thread-safe.
//
//   closed ──failure──▶ backing off ──time──▶ closed        (first × 2ⁿ⁻¹, at most backoff_max)
//   closed ──more than restarts_max failures in the window──▶ open ──circuit_retry──▶ half open
//   half open ──ready──▶ closed, history forgotten          half open ──failure──▶ open
#pragma once

#include <deque>

#include "base/clock.h"

namespace xc::fleet {

struct RestartLimits {
  int restarts_max = 5;  // failures beyond this many within the window open the circuit
  Duration window{};
  Duration backoff_first{};
  Duration backoff_max{};
  Duration circuit_retry{};
};

class RestartPolicy {
 public:
  RestartPolicy(RestartLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  enum class Verdict { Start, BackOff, Open };
  struct Decision {
    Verdict verdict;
    SteadyTime until;  // of BackOff and Open: when it becomes Start
  };
  Decision decide() const;

  // A worker exited unasked, before or after it was ready, or never became ready.
  void failed();
  // A worker answers. A crash loop after this still counts: failures leave with the window only,
  // unless the circuit was open.
  void ready();

  bool open() const { return opened_; }
  int failures() const;  // within the window

 private:
  void forget_old();

  RestartLimits limits_;
  const Clock& clock_;
  std::deque<SteadyTime> failures_;  // at most restarts_max + 1
  bool opened_ = false;
};

}  // namespace xc::fleet
