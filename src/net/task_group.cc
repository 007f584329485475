#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <mutex>

#include "base/log.h"
#include "net/runtime.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

// One running task. The signal is touched on the task's own thread only.
struct Member {
  explicit Member(const asio::any_io_executor& e) : executor(e) {}
  asio::any_io_executor executor;
  asio::cancellation_signal signal;
};

using Members = std::list<std::shared_ptr<Member>>;

void log_escaped(const std::string& group, const std::exception_ptr& escaped) {
  try {
    std::rethrow_exception(escaped);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return;  // the usual end of a cancelled task
    log::error("net", "task of {} ended by: {}", group, e.what());
  } catch (const std::exception& e) {
    log::error("net", "task of {} ended by: {}", group, e.what());
  } catch (...) {
    log::error("net", "task of {} ended by an unknown exception", group);
  }
}

// Holds the function for as long as its coroutine runs: a lambda's captures live in the lambda.
Task<void> run_task(std::function<Task<void>()> task) {
  Task<void> running = task();
  co_await std::move(running);
}

}  // namespace

struct TaskGroup::Parts {
  std::string name;
  std::mutex mutex;
  Members members;
  std::vector<std::function<void()>> on_empty;
  bool closed = false;

  void leave(Members::iterator at) {
    std::vector<std::function<void()>> wakers;
    {
      const std::scoped_lock lock(mutex);
      members.erase(at);
      if (members.empty()) wakers.swap(on_empty);
    }
    for (auto& wake : wakers) wake();
  }

  void cancel() {
    const std::scoped_lock lock(mutex);
    for (const std::shared_ptr<Member>& member : members) {
      asio::post(member->executor, [member] { member->signal.emit(asio::cancellation_type::all); });
    }
  }
};

TaskGroup::TaskGroup(std::string_view name) : parts_(std::make_shared<Parts>()) {
  parts_->name = name;
}

TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(asio::any_io_executor executor, std::function<Task<void>()> task) {
  auto member = std::make_shared<Member>(executor);
  Members::iterator at;
  {
    const std::scoped_lock lock(parts_->mutex);
    if (parts_->closed) return;  // joined: nothing new starts
    at = parts_->members.insert(parts_->members.end(), member);
  }
  // Started by a post, so that a cancel() from another thread finds the signal connected.
  asio::post(executor, [parts = parts_, member, at, task = std::move(task)]() mutable {
    auto on_end = [parts, member, at](const std::exception_ptr& escaped) {
      if (escaped) log_escaped(parts->name, escaped);
      parts->leave(at);
    };
    asio::co_spawn(member->executor, run_task(std::move(task)),
                   asio::bind_cancellation_slot(member->signal.slot(), std::move(on_end)));
  });
}

void TaskGroup::cancel() { parts_->cancel(); }

Task<bool> TaskGroup::join(Deadline deadline) {
  const std::shared_ptr<Parts> parts = parts_;
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Notifier empty(executor);
  {
    const std::scoped_lock lock(parts->mutex);
    parts->closed = true;
    if (parts->members.empty()) co_return true;
    parts->on_empty.push_back(empty.waker());
  }
  parts->cancel();
  Task<bool> wait = empty.wait(deadline);
  const bool ended = co_await std::move(wait);
  co_return ended;
}

std::size_t TaskGroup::size() const {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->members.size();
}

}  // namespace xc::net
