// Who uses a worker. Private to this room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace xc::fleet {

// What leases share with their worker; it outlives the worker when a lease does. Any thread may
// take and give back; only I/O thread 0 closes. Count and closed are one word, so that nobody can
// slip in between the look that finds the worker idle and the decision to end it.
class Usage {
 public:
  std::function<void()> wake;  // the worker's life; safe after it ended
  std::atomic<SteadyTime> last_used{SteadyTime{}};

  // False when closed.
  bool try_take() {
    std::uint32_t now = state_;
    do {
      if ((now & kClosed) != 0) return false;
    } while (!state_.compare_exchange_weak(now, now + 1));
    return true;
  }
  // Wakes the worker's life only when that waits for it to be idle: a wake-up a request would cost
  // thread 0 more than the request costs its own.
  void give_back() {
    last_used = std::chrono::steady_clock::now();
    const std::uint32_t before = state_.fetch_sub(1);
    if ((before & ~kClosed) != 1) return;
    if ((before & kClosed) != 0 || announce_.exchange(false)) wake();
  }
  int in_flight() const { return static_cast<int>(state_ & ~kClosed); }

  // From here on nobody takes it. Those who have it go on.
  void close() { state_ |= kClosed; }
  // Closes it when nobody has it; else nothing happens and it says false.
  bool close_if_idle() {
    std::uint32_t idle = 0;
    return state_.compare_exchange_strong(idle, kClosed);
  }
  // The next time that it becomes idle, wake() is called. Look at in_flight() after this call.
  void announce_idle() { announce_ = true; }
  void stay_silent() { announce_ = false; }

 private:
  static constexpr std::uint32_t kClosed = 1u << 31;
  std::atomic<std::uint32_t> state_{0};
  std::atomic<bool> announce_{false};
};

}  // namespace xc::fleet
