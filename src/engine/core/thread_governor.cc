#include "engine/core/thread_governor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <utility>

namespace xc::engine {
namespace {

// A neighbour's third of a core costs less than a thread brings.
constexpr double kTolerated = 0.35;

}  // namespace

std::optional<CpuTimes> read_cpu_times() {
  // cpu user nice system idle iowait irq softirq steal (proc(5)), in clock ticks.
  std::ifstream file("/proc/stat");
  std::string label;
  double busy = 0;
  if (!(file >> label) || label != "cpu") return std::nullopt;
  for (int column = 0; column < 8; ++column) {
    double ticks = 0;
    if (!(file >> ticks)) return std::nullopt;
    const bool idle = column == 3 || column == 4;
    if (!idle) busy += ticks;
  }
  busy /= static_cast<double>(sysconf(_SC_CLK_TCK));
  rusage own{};
  if (getrusage(RUSAGE_SELF, &own) != 0) return std::nullopt;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return CpuTimes{busy - seconds(own.ru_utime) - seconds(own.ru_stime)};
}

int threads_for(double cores_busy_with_others, int cores, int threads_max) {
  const double free = static_cast<double>(cores) - cores_busy_with_others;
  const int threads = static_cast<int>(std::floor(free + kTolerated));
  return std::clamp(threads, 1, std::max(threads_max, 1));
}

ThreadGovernor::ThreadGovernor(int cores, int threads_max, Reader reader)
    : cores_(cores),
      threads_max_(threads_max),
      reader_(std::move(reader)),
      threads_(std::max(threads_max, 1)) {}

int ThreadGovernor::threads(SteadyTime now) {
  if (threads_max_ <= 1 || (last_ && now - last_look_ < look_)) return threads_;
  const std::optional<CpuTimes> times = reader_();
  if (times && last_) {
    const std::chrono::duration<double> passed = now - last_look_;
    threads_ = threads_for((times->others - last_->others) / passed.count(), cores_, threads_max_);
    look_ = std::exchange(paused_look_, kLook);
  }
  last_ = times;
  last_look_ = now;
  return threads_;
}

}  // namespace xc::engine
