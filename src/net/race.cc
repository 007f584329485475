#include "net/race.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>

#include "net/event.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

struct Runner {
  asio::cancellation_signal stop;
  bool ended = false;
  bool cancelled = false;
  std::exception_ptr escaped;
};

// Shared with both runners' ends; touched on one thread only.
struct Race {
  explicit Race(const asio::any_io_executor& executor) : changed(executor) {}
  std::array<Runner, 2> runners;
  Event changed;

  bool over() const { return runners[0].ended && runners[1].ended; }
  void cancel() {
    for (Runner& runner : runners) {
      if (runner.ended || std::exchange(runner.cancelled, true)) continue;
      runner.stop.emit(asio::cancellation_type::all);
    }
  }
};

// Holds the function for as long as its coroutine runs: a lambda's captures live in the lambda.
Task<void> hold_and_run(std::function<Task<void>()> task) {
  Task<void> running = task();
  co_await std::move(running);
}

void begin(const asio::any_io_executor& executor, const std::shared_ptr<Race>& race,
           std::size_t which, std::function<Task<void>()> task) {
  auto on_end = [race, which](std::exception_ptr escaped) {
    race->runners[which].ended = true;
    race->runners[which].escaped = std::move(escaped);
    race->changed.set();
  };
  asio::co_spawn(executor, hold_and_run(std::move(task)),
                 asio::bind_cancellation_slot(race->runners[which].stop.slot(), std::move(on_end)));
}

// False: the caller was cancelled.
Task<bool> wait_for_change(std::shared_ptr<Race> race) {
  try {
    Task<void> wait = race->changed.wait();
    co_await std::move(wait);
    co_return true;
  } catch (const boost::system::system_error&) {
  }
  co_return false;
}

}  // namespace

Task<void> run_both(std::function<Task<void>()> first, std::function<Task<void>()> second,
                    std::function<bool()> decided) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto race = std::make_shared<Race>(executor);
  begin(executor, race, 0, std::move(first));
  begin(executor, race, 1, std::move(second));
  bool cancelled = false;
  while (!race->over()) {
    Task<bool> waiting = wait_for_change(race);
    const bool changed = co_await std::move(waiting);
    if (!changed) {
      cancelled = true;
      co_await asio::this_coro::reset_cancellation_state();  // to wait for them all the same
    }
    if (cancelled || decided()) race->cancel();
  }
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  for (const Runner& runner : race->runners) {
    if (runner.escaped && !runner.cancelled) std::rethrow_exception(runner.escaped);
  }
}

}  // namespace xc::net
