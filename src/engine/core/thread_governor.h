// How many compute threads pay off right now. ggml's threads meet at a spinning barrier after
// every operation: when one of them loses its core to a neighbour, all wait for a time slice, some
// hundred times a token. So there are never more threads than cores that nobody else uses.
// Engine thread only.
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"

namespace xc::engine {

// Seconds of processor time since some fixed point.
struct CpuTimes {
  double others = 0;  // all cores: everything that is neither idle nor this process
};
// From /proc/stat and getrusage; nullopt where these do not exist.
std::optional<CpuTimes> read_cpu_times();

// Cores that others keep busy, to threads: at least 1, at most `threads_max`.
int threads_for(double cores_busy_with_others, int cores, int threads_max);

class ThreadGovernor {
 public:
  using Reader = std::function<std::optional<CpuTimes>()>;
  // cores: of the machine; threads_max: what the configuration allows.
  ThreadGovernor(int cores, int threads_max, Reader reader = read_cpu_times);

  // Call before each step; looks at the machine every kLook at most, and for the first time after
  // kFirstLook: a short answer is not to be over before a neighbour is seen.
  int threads(SteadyTime now);
  // Call when there are no steps for now. The next decision is by what others took meanwhile, and
  // the one after it comes soon: one step with a neighbour on a core costs as much as twenty with a
  // thread too few.
  void resume() { look_ = paused_look_ = kFirstLook; }

 private:
  static constexpr std::chrono::milliseconds kLook{250};
  static constexpr std::chrono::milliseconds kFirstLook{60};  // six ticks of /proc/stat
  int cores_;
  int threads_max_;
  Reader reader_;
  int threads_;
  std::optional<CpuTimes> last_;
  SteadyTime last_look_{};
  std::chrono::milliseconds look_ = kFirstLook;
  std::chrono::milliseconds paused_look_ = kLook;  // the look after the next
};

}  // namespace xc::engine
