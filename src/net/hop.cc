#include "net/hop.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <memory>

#include "net/event.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

// Each half is touched on its own thread only. co_spawn with use_awaitable would carry the
// cancellation by itself, but Boost 1.81 posts a raw pointer to a signal that the caller's side
// may have destroyed by then.
struct Crossing {
  explicit Crossing(const asio::any_io_executor& caller) : done(caller) {}
  asio::cancellation_signal stop;  // the task's thread
  Event done;                      // the caller's thread
  std::exception_ptr escaped;      // written before done is posted, read after
};

// Holds the function for as long as its coroutine runs: a lambda's captures live in the lambda.
Task<void> hold_and_run(std::function<Task<void>()> task) {
  Task<void> running = task();
  co_await std::move(running);
}

}  // namespace

Task<void> run_on(asio::any_io_executor executor, std::function<Task<void>()> task) {
  asio::any_io_executor caller = co_await asio::this_coro::executor;
  auto crossing = std::make_shared<Crossing>(caller);
  asio::post(executor, [executor, caller, crossing, task = std::move(task)]() mutable {
    auto on_end = [caller, crossing](std::exception_ptr escaped) {
      crossing->escaped = std::move(escaped);
      asio::post(caller, [crossing] { crossing->done.set(); });
    };
    asio::co_spawn(executor, hold_and_run(std::move(task)),
                   asio::bind_cancellation_slot(crossing->stop.slot(), std::move(on_end)));
  });
  try {
    Task<void> wait = crossing->done.wait();
    co_await std::move(wait);
  } catch (...) {  // only a cancellation of the caller ends the wait this way
    asio::post(executor, [crossing] { crossing->stop.emit(asio::cancellation_type::all); });
    throw;
  }
  if (crossing->escaped) std::rethrow_exception(crossing->escaped);
}

}  // namespace xc::net
