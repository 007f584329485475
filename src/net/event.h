// One coroutine waits, callbacks on the same I/O thread wake it. A set before the wait is kept.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "base/clock.h"
#include "base/task.h"

namespace xc::net {

// Not thread-safe: set() runs on the executor's thread. A cancelled wait throws.
class Event {
 public:
  explicit Event(const boost::asio::any_io_executor& executor) : timer_(executor) {
    timer_.expires_at(SteadyTime::max());
  }

  void set() {
    set_ = true;
    timer_.cancel();
  }

  Task<void> wait() {
    while (!set_) {
      boost::system::error_code ignored;  // cancelled by set(), or by the caller: then the next
                                          // co_await of this coroutine throws
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
      Task<void> wake = timer_.async_wait(token);
      co_await std::move(wake);
    }
    set_ = false;
  }

  // False: `when` came first.
  Task<bool> wait_until(SteadyTime when) {
    timer_.expires_at(when);
    while (!set_ && SteadyTime::clock::now() < when) {
      boost::system::error_code ignored;  // as above
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
      Task<void> wake = timer_.async_wait(token);
      co_await std::move(wake);
    }
    co_return std::exchange(set_, false);
  }

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace xc::net
