#include "net/runtime.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <optional>
#include <thread>

#include "base/assert.h"
#include "base/log.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

thread_local int t_thread = -1;

using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

// Coroutines have their own walls; this one is for plain callbacks. The loop goes on.
void run_loop(asio::io_context& loop, int thread) {
  t_thread = thread;
  for (;;) {
    try {
      loop.run();
      break;
    } catch (const std::exception& e) {
      log::error("net", "a callback of I/O thread {} threw: {}", thread, e.what());
    }
  }
  t_thread = -1;
}

}  // namespace

struct Runtime::Parts {
  std::vector<std::unique_ptr<asio::io_context>> loops;
  std::vector<WorkGuard> guards;
  std::optional<asio::signal_set> signals;
  std::function<void(int)> on_signal;

  void wait_for_signal() {
    signals->async_wait([this](const boost::system::error_code& error, int signo) {
      if (error) return;
      on_signal(signo);
      wait_for_signal();
    });
  }
};

Runtime::Runtime(int threads) : parts_(std::make_unique<Parts>()) {
  XC_ASSERT(threads >= 1);
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  for (int i = 0; i < threads; ++i) {
    parts_->loops.push_back(std::make_unique<asio::io_context>(1));
    parts_->guards.emplace_back(parts_->loops.back()->get_executor());
  }
}

Runtime::~Runtime() {
  parts_->signals.reset();
  parts_->guards.clear();
  // Thread 0 first: what it owns (listeners) refers to the others, never the other way round.
  for (auto& loop : parts_->loops) loop.reset();
}

int Runtime::threads() const { return static_cast<int>(parts_->loops.size()); }

asio::any_io_executor Runtime::executor(int thread) const {
  return parts_->loops.at(static_cast<std::size_t>(thread))->get_executor();
}

int Runtime::this_thread() { return t_thread; }

void Runtime::run() {
  std::vector<std::thread> others;
  for (int i = 1; i < threads(); ++i) {
    asio::io_context& loop = *parts_->loops[static_cast<std::size_t>(i)];
    others.emplace_back([&loop, i] { run_loop(loop, i); });
  }
  run_loop(*parts_->loops.front(), 0);
  for (std::thread& other : others) other.join();
}

void Runtime::stop() {
  for (auto& loop : parts_->loops) loop->stop();
}

void Runtime::on_signals(std::function<void(int)> on_signal) {
  parts_->on_signal = std::move(on_signal);
  parts_->signals.emplace(*parts_->loops.front(), SIGINT, SIGTERM, SIGHUP);
  parts_->wait_for_signal();
}

Task<void> sleep_for(Duration d) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, std::chrono::steady_clock::now() + d);
  Task<void> wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
}

}  // namespace xc::net
