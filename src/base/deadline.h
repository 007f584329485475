// A point in time that travels with a request and bounds every wait on its way.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace xc {

class Deadline {
 public:
  static Deadline never() { return Deadline(SteadyTime::max()); }
  static Deadline at(SteadyTime when) { return Deadline(when); }
  static Deadline after(Duration d) { return Deadline(std::chrono::steady_clock::now() + d); }

  bool is_never() const { return when_ == SteadyTime::max(); }
  SteadyTime when() const { return when_; }
  bool passed(SteadyTime now) const { return now >= when_; }
  Deadline sooner(Deadline other) const { return Deadline(std::min(when_, other.when_)); }

 private:
  explicit Deadline(SteadyTime when) : when_(when) {}
  SteadyTime when_;
};

}  // namespace xc
