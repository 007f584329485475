// The I/O threads. Every thread runs its own event loop; a connection stays on the thread that
// accepted it, so nothing on its way needs a lock.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/task.h"

namespace xc::net {

class Runtime {
 public:
  // threads ≥ 1. Loops start with run().
  explicit Runtime(int threads);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int threads() const;
  boost::asio::any_io_executor executor(int thread) const;
  // Index of the calling I/O thread, or -1 on any other thread.
  static int this_thread();

  // Runs all loops; returns after stop(). The caller's thread is thread 0.
  void run();
  // Thread-safe, also from a signal handler's coroutine.
  void stop();
  // Calls `on_signal(signo)` on thread 0 for SIGINT, SIGTERM and SIGHUP.
  void on_signals(std::function<void(int)> on_signal);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Sleeps without blocking the thread.
Task<void> sleep_for(Duration d);
// Runs blocking work (database, disk, tokenising) on the store threads and comes back to the
// caller's I/O thread. `work` must not throw.
class BlockingPool {
 public:
  explicit BlockingPool(int threads);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  Task<void> run(std::function<void()> work);
  // False when the deadline came first: the work goes on, or will begin, by itself.
  Task<bool> run_until(std::function<void()> work, Deadline deadline);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Coroutines that nobody awaits. Logs what escapes; join() cancels and waits for all. Every spawn
// takes its arguments by value (rule 5 of DESIGN §9). Thread-safe.
class TaskGroup {
 public:
  explicit TaskGroup(std::string_view name);
  ~TaskGroup();  // the group must be empty or its loops stopped
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(boost::asio::any_io_executor executor, std::function<Task<void>()> task);
  // Asks every task to stop at its next await.
  void cancel();
  // Waits (without blocking the thread) until all have ended or the deadline passes; false then.
  Task<bool> join(Deadline deadline);
  std::size_t size() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// Lets any thread wake the one coroutine that waits. A notify before the wait is kept.
class Notifier {
 public:
  // `executor`: where the waiting coroutine runs.
  explicit Notifier(boost::asio::any_io_executor executor);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Thread-safe, cheap when a wake is already pending, and safe after the Notifier is destroyed
  // when called through the function that waker() returns.
  std::function<void()> waker();
  // True when notified, false when the deadline passed.
  Task<bool> wait(Deadline deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace xc::net
