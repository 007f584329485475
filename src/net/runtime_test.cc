#include "net/runtime.h"

#include <boost/asio/post.hpp>

#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

TEST(Runtime, threads_know_their_index) {
  Loops loops(3);
  std::atomic<int> sum{0}, count{0};
  for (int i = 0; i < 3; ++i) {
    boost::asio::post(loops.runtime.executor(i), [&, i] {
      if (Runtime::this_thread() == i) sum += i + 1;
      ++count;
    });
  }
  EXPECT_TRUE(eventually([&] { return count == 3; }));
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(Runtime::this_thread(), -1);
}

TEST(Runtime, a_callback_that_throws_does_not_end_the_loop) {
  Loops loops;
  boost::asio::post(loops.runtime.executor(0), [] { throw std::runtime_error("expected here"); });
  std::atomic<bool> ran{false};
  boost::asio::post(loops.runtime.executor(0), [&] { ran = true; });
  EXPECT_TRUE(eventually([&] { return ran.load(); }));
}

TEST(Runtime, signals_reach_thread_0) {
  Loops loops;
  std::atomic<int> got{0};
  loops.run([&]() -> Task<void> {
    loops.runtime.on_signals([&](int signo) { got = signo; });
    co_return;
  });
  std::raise(SIGHUP);
  EXPECT_TRUE(eventually([&] { return got == SIGHUP; }));
}

TEST(BlockingPool, runs_elsewhere_and_comes_back) {
  Loops loops;
  BlockingPool pool(1);
  loops.run([&]() -> Task<void> {
    int thread = 0;
    auto work = [&thread] { thread = Runtime::this_thread(); };
    Task<void> running = pool.run(work);
    co_await std::move(running);
    EXPECT_EQ(thread, -1);
    EXPECT_EQ(Runtime::this_thread(), 0);
  });
}

TEST(BlockingPool, waits_no_longer_than_it_was_told) {
  Loops loops;
  BlockingPool pool(1);
  auto release = std::make_shared<std::atomic<bool>>(false);
  auto ended = std::make_shared<std::atomic<bool>>(false);
  loops.run([&]() -> Task<void> {
    std::function<void()> slow = [release, ended] {
      while (!*release) std::this_thread::yield();
      *ended = true;
    };
    Task<bool> waiting = pool.run_until(slow, Deadline::after(std::chrono::milliseconds(20)));
    const bool in_time = co_await std::move(waiting);
    EXPECT_FALSE(in_time);
    EXPECT_FALSE(*ended);
    *release = true;  // it goes on by itself
    std::function<void()> quick = [] {};
    Task<bool> second = pool.run_until(quick, Deadline::never());
    const bool done = co_await std::move(second);
    EXPECT_TRUE(done);
    EXPECT_TRUE(*ended);
  });
}

TEST(BlockingPool, cancelled_while_work_runs) {
  Loops loops;
  BlockingPool pool(1);
  TaskGroup group("test");
  auto state = std::make_shared<std::atomic<int>>(0);
  std::atomic<bool> release{false}, unwound{false};
  group.spawn(loops.runtime.executor(0), [&, state]() -> Task<void> {
    struct Guard {
      std::atomic<bool>& flag;
      ~Guard() { flag = true; }
    } guard{unwound};
    auto work = [state, &release] {
      *state = 1;
      while (!release) std::this_thread::yield();
      *state = 2;
    };
    Task<void> running = pool.run(work);
    co_await std::move(running);
    ADD_FAILURE() << "came back from a cancelled wait";
  });
  EXPECT_TRUE(eventually([&] { return *state == 1; }));
  group.cancel();
  EXPECT_TRUE(eventually([&] { return unwound.load(); }));
  EXPECT_EQ(*state, 1);
  release = true;
  EXPECT_TRUE(eventually([&] { return *state == 2; }));
}

TEST(Notifier, wakes_across_threads_and_keeps_an_early_wake) {
  Loops loops;
  loops.run([&]() -> Task<void> {
    boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    Notifier notifier(executor);
    auto wake = notifier.waker();
    wake();
    wake();
    Task<bool> early = notifier.wait(Deadline::never());
    const bool kept = co_await std::move(early);
    EXPECT_TRUE(kept);
    Task<bool> none = notifier.wait(Deadline::after(5ms));
    const bool doubled = co_await std::move(none);
    EXPECT_FALSE(doubled) << "two notifies before one wait are one";
    for (int i = 0; i < 200; ++i) {
      std::thread other(wake);
      Task<bool> waiting = notifier.wait(Deadline::after(5s));
      const bool woken = co_await std::move(waiting);
      EXPECT_TRUE(woken);
      other.join();
    }
  });
}

TEST(Notifier, a_waker_outlives_everything) {
  std::function<void()> wake;
  std::atomic<bool> waiting{false};
  {
    Loops loops;
    TaskGroup group("test");
    group.spawn(loops.runtime.executor(0), [&]() -> Task<void> {
      boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
      Notifier notifier(executor);
      wake = notifier.waker();
      waiting = true;
      Task<bool> wait = notifier.wait(Deadline::never());
      co_await std::move(wait);
      ADD_FAILURE() << "woken by a cancel";
    });
    EXPECT_TRUE(eventually([&] { return waiting.load(); }));
    group.cancel();
    EXPECT_TRUE(eventually([&] { return group.size() == 0; }));
    wake();
  }
  wake();
}

TEST(TaskGroup, join_cancels_and_waits) {
  Loops loops(2);
  TaskGroup group("test");
  std::atomic<int> started{0}, unwound{0};
  for (int i = 0; i < 10; ++i) {
    group.spawn(loops.runtime.executor(i % 2), [&]() -> Task<void> {
      struct Guard {
        std::atomic<int>& count;
        ~Guard() { ++count; }
      } guard{unwound};
      ++started;
      Task<void> sleep = sleep_for(1h);
      co_await std::move(sleep);
    });
  }
  group.spawn(loops.runtime.executor(0), []() -> Task<void> {
    throw std::runtime_error("expected here");
    co_return;
  });
  EXPECT_TRUE(eventually([&] { return started == 10; }));
  const bool joined = loops.run([&]() -> Task<bool> {
    Task<bool> joining = group.join(Deadline::after(5s));
    const bool ended = co_await std::move(joining);
    co_return ended;
  });
  EXPECT_TRUE(joined);
  EXPECT_EQ(unwound, 10);
  EXPECT_EQ(group.size(), 0u);
}

TEST(TaskGroup, join_gives_up_at_the_deadline) {
  Loops loops(2);
  BlockingPool pool(1);
  TaskGroup group("test");
  std::atomic<bool> release{false};
  group.spawn(loops.runtime.executor(1), [&]() -> Task<void> {
    while (!release) std::this_thread::yield();  // never awaits: cannot be cancelled
    co_return;
  });
  const bool joined = loops.run([&]() -> Task<bool> {
    Task<bool> joining = group.join(Deadline::after(20ms));
    const bool ended = co_await std::move(joining);
    co_return ended;
  });
  EXPECT_FALSE(joined);
  release = true;
  EXPECT_TRUE(eventually([&] { return group.size() == 0; }));
}

}  // namespace
}  // namespace xc::net
