// Task<T>: a lazy coroutine on an I/O thread. See STYLE.md "Asynchronous code" for its rules.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <coroutine>
#include <utility>

#include "base/frames.h"

namespace xc {

template <typename T>
using Task = boost::asio::awaitable<T>;

template <typename T>
using AsioFrame = boost::asio::detail::awaitable_frame<T, boost::asio::any_io_executor>;

// Asio's frame in memory of ours: Asio keeps but small ones, and searches them.
template <typename T>
struct TaskFrame : AsioFrame<T> {
  static void* operator new(std::size_t size) { return take_frame(size); }
  static void operator delete(void* frame, std::size_t size) { give_back_frame(frame, size); }

  // A task that is waited for, told of its caller as Asio knows it.
  template <typename U>
  struct Waiting {
    Task<U> task;
    bool await_ready() const noexcept { return task.await_ready(); }
    void await_suspend(std::coroutine_handle<TaskFrame> caller) {
      task.await_suspend(std::coroutine_handle<AsioFrame<T>>::from_promise(caller.promise()));
    }
    U await_resume() { return task.await_resume(); }
  };

  template <typename U>
  Waiting<U> await_transform(Task<U> task) {
    return {AsioFrame<T>::await_transform(std::move(task))};
  }
  // Operations and this_coro's.
  template <typename Other>
  auto await_transform(Other&& other) {
    return AsioFrame<T>::await_transform(std::forward<Other>(other));
  }
};

}  // namespace xc

// More special than Asio's own, so that it is taken.
template <typename T, typename... Args>
struct std::coroutine_traits<boost::asio::awaitable<T, boost::asio::any_io_executor>, Args...> {
  using promise_type = xc::TaskFrame<T>;
};
