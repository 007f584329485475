// From an Answer, which the engine thread fills, to a reply on an I/O thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "net/http.h"
#include "net/runtime.h"

namespace xc::engine {

// Waits for an Answer without blocking its I/O thread. Destroying it cancels the request. Stays on
// one I/O thread.
template <typename T>
class Pull {
 public:
  // `runtime` outlives this; call on an I/O thread. `deadline_ms` is what the caller asked for, to
  // be named in the error.
  Pull(net::Runtime& runtime, Deadline deadline, std::int64_t deadline_ms)
      : deadline_(deadline),
        deadline_ms_(deadline_ms),
        notifier_(runtime.executor(net::Runtime::this_thread())) {}

  // For the engine call that makes the answer.
  Wake waker() { return notifier_.waker(); }
  void attach(std::unique_ptr<Answer<T>> answer) { answer_ = std::move(answer); }

  // After the end: what is left for another worker, or null.
  const Handover* handover() const { return answer_->handover(); }
  // What is there now.
  std::optional<Result<T>> poll() { return answer_->poll(); }
  // Waits; nullopt at the end. Error: the answer's own, or Timeout at the deadline.
  Task<Result<std::optional<T>>> next() {
    for (;;) {
      std::optional<Result<T>> item = answer_->poll();
      if (item && !*item) co_return std::unexpected(std::move(item->error()));
      if (item) co_return std::optional<T>(std::move(**item));
      if (answer_->ended()) co_return std::nullopt;
      const bool notified = co_await notifier_.wait(deadline_);
      if (!notified)
        co_return fail(Code::Timeout, Message::Deadline, {std::to_string(deadline_ms_)});
    }
  }

 private:
  Deadline deadline_;
  std::int64_t deadline_ms_;
  net::Notifier notifier_;
  std::unique_ptr<Answer<T>> answer_;
};

using DeltaPull = Pull<schema::Delta>;

// How an answer is written. The functions are called on the I/O thread while the reply is made.
struct Delivery {
  bool stream = false;
  bool include_usage = false;  // on streams; a whole answer always has it
  Language language = Language::Zh;
  std::string digest;  // of the model, for a handover
  // One `data:` payload for a delta; `first` is true once a choice.
  std::function<std::string(const schema::Delta& delta, bool first)> chunk;
  std::function<std::string(const schema::Collector& answer)> whole;
};
// Pulls the answer to its end and writes it as SSE or as one JSON body. Until the first delta
// nothing is sent, so that an error there is still an HTTP status: it is returned. Later errors
// become an event. Deltas that are ready together leave in one write. An answer that is handed over
// ends with `event: handover` instead of [DONE]; a whole one with the error ShuttingDown.
Task<Status> deliver(net::Exchange& exchange, DeltaPull& pull, Delivery delivery);

}  // namespace xc::engine
