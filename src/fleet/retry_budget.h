// How many second tries a pool grants: a share of its requests, so that an outage is not multiplied
// by everybody's retries. Pure; not thread-safe.
#pragma once

#include <algorithm>

#include "base/limits.h"

namespace xc::fleet {

class RetryBudget {
 public:
  void request() { tokens_ = std::min(tokens_ + limits::kRetryShare, limits::kRetryBudgetMax); }
  bool take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double tokens_ = limits::kRetryBudgetMax;
};

}  // namespace xc::fleet
