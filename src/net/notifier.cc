#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "net/runtime.h"

namespace xc::net {

namespace asio = boost::asio;

// Shared with every waker and with the waiting coroutine. The timer belongs to the executor's
// thread; other threads touch the two atomics and post.
struct Notifier::State {
  explicit State(const asio::any_io_executor& e) : executor(e), timer(std::in_place, e) {}

  asio::any_io_executor executor;
  std::optional<asio::steady_timer> timer;  // gone with the Notifier, whoever still holds a waker
  std::atomic<bool> pending{false};
  std::atomic<bool> closed{false};
};

Notifier::Notifier(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}

// On the executor's thread, or after the loops stopped.
Notifier::~Notifier() {
  state_->closed = true;
  state_->timer.reset();
}

std::function<void()> Notifier::waker() {
  return [state = state_] {
    if (state->closed || state->pending.exchange(true)) return;  // a wake is already on its way
    // The waiter re-checks `pending`, so a late cancel is harmless.
    asio::post(state->executor, [state] {
      if (state->timer) state->timer->cancel();
    });
  };
}

Task<bool> Notifier::wait(Deadline deadline) {
  const std::shared_ptr<State> state = state_;
  for (;;) {
    if (state->pending.exchange(false)) co_return true;
    if (state->closed) co_return false;
    state->timer->expires_at(deadline.when());
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    Task<void> wake = state->timer->async_wait(token);
    co_await std::move(wake);  // when this coroutine is cancelled, the next round's co_await throws
    if (!error && !state->pending.exchange(false)) co_return false;
    if (!error) co_return true;
  }
}

}  // namespace xc::net
