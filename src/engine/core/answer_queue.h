// The bounded queue between the engine thread (producer) and the reader of one answer. A full
// queue parks the sequence: the engine never waits. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/limits.h"

namespace xc::engine {

template <typename T>
class AnswerQueue {
 public:
  // wake: called by push when the queue was empty. on_space: called by pop when a full queue has
  // room again (the engine thread may decode on).
  AnswerQueue(std::function<void()> wake, std::function<void()> on_space)
      : wake_(std::move(wake)), on_space_(std::move(on_space)) {}

  // Producer. Always takes the item: a step that runs may end with items above the bound.
  void push(T item) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = items_.empty();
      items_.push_back(std::move(item));
    }
    if (was_empty && !cancelled()) wake_();
  }
  bool full() const {
    const std::lock_guard lock(mutex_);
    return items_.size() >= limits::kDeltaQueueMax;
  }

  // Consumer.
  std::optional<T> pop() {
    std::optional<T> item;
    bool was_full = false;
    {
      const std::lock_guard lock(mutex_);
      if (items_.empty()) return std::nullopt;
      was_full = items_.size() == limits::kDeltaQueueMax;
      item = std::move(items_.front());
      items_.pop_front();
    }
    if (was_full) on_space_();
    return item;
  }

  // Consumer: no longer interested. Producer: stop soon.
  void cancel() { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  std::function<void()> wake_;
  std::function<void()> on_space_;
  mutable std::mutex mutex_;
  std::deque<T> items_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace xc::engine
