#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/assert.h"
#include "net/event.h"
#include "net/runtime.h"

namespace xc::net {

namespace asio = boost::asio;

struct BlockingPool::Parts {
  explicit Parts(int threads) : pool(static_cast<std::size_t>(threads)) {}
  std::shared_ptr<Event> begin(const asio::any_io_executor& executor, std::function<void()> work) {
    auto done = std::make_shared<Event>(executor);
    asio::post(pool, [executor, done, work = std::move(work)]() mutable {
      work();
      work = nullptr;
      asio::post(executor, [done = std::move(done)] { done->set(); });
    });
    return done;
  }
  asio::thread_pool pool;
};

BlockingPool::BlockingPool(int threads) : parts_(std::make_unique<Parts>(threads)) {
  XC_ASSERT(threads >= 1);
}

// Waits for work that runs; what is queued is dropped. Destroy it before the Runtime.
BlockingPool::~BlockingPool() {
  parts_->pool.stop();
  parts_->pool.join();
}

// The work and the event are shared with the pool: a cancelled coroutine leaves, the work ends on
// its own and its wake-up falls on deaf ears. What `work` captures must therefore own itself.
Task<void> BlockingPool::run(std::function<void()> work) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Event> done = parts_->begin(executor, std::move(work));
  Task<void> wait = done->wait();
  co_await std::move(wait);
}

Task<bool> BlockingPool::run_until(std::function<void()> work, Deadline deadline) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Event> done = parts_->begin(executor, std::move(work));
  Task<bool> wait = done->wait_until(deadline.when());
  const bool ended = co_await std::move(wait);
  co_return ended;
}

}  // namespace xc::net
