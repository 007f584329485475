// Time is injected: services take a Clock&, tests take a ManualClock.
#pragma once

#include <chrono>
#include <cstdint>

namespace xc {

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;        // for durations and deadlines
  virtual std::int64_t unix_ms() const = 0;  // for records
};

// The machine's clocks. One instance is enough; thread-safe.
class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  std::int64_t unix_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
};

// Moves only when told. Not thread-safe.
class ManualClock final : public Clock {
 public:
  SteadyTime now() const override { return now_; }
  std::int64_t unix_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
  }
  void advance(Duration by) { now_ += by; }

 private:
  SteadyTime now_{std::chrono::hours(1)};
};

}  // namespace xc
