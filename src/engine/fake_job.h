// A request of the fake engine and the reader's ends of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/core/answer_queue.h"
#include "engine/engine.h"

namespace xc::engine {

using FakeQueue = AnswerQueue<Result<schema::Delta>>;
// Choice of the delta that says: look at the handover.
inline constexpr int kFakeHandedOver = -1;

// One live request. Filled by the caller's thread, then owned by the player's.
struct FakeJob {
  std::shared_ptr<FakeQueue> queue;
  std::vector<std::vector<schema::Delta>> choices;  // per choice, one delta a step
  std::size_t step = 0;
  std::size_t echoed = 0;  // first deltas of each choice that repeat the prompt
  bool endless = false;
  bool prefilled = false;
  std::optional<Error> error;
  std::function<void()> after;
  schema::Usage usage;
  std::shared_ptr<Handover> left = std::make_shared<Handover>();  // written before kFakeHandedOver

  // Whether that delta counts in usage.
  bool is_token(std::size_t choice, std::size_t at) const {
    const auto& deltas = choices[choice];
    return at >= echoed && !deltas[at % deltas.size()].finish;
  }
};

// What it has said, for another process; and a request that goes on from that (null: it begins).
// A fake token of an answer is a delta: its number is all that a handover needs.
Handover::Part fake_part_of(const FakeJob& job);
void fake_resume(FakeJob& job, const Handover* past);

// The reader's end of a FakeJob.
class FakeStream final : public DeltaAnswer {
 public:
  FakeStream(std::shared_ptr<FakeQueue> queue, std::shared_ptr<const Handover> left)
      : queue_(std::move(queue)), left_(std::move(left)) {}
  ~FakeStream() override { queue_->cancel(); }

  std::optional<Result<schema::Delta>> poll() override {
    std::optional<Result<schema::Delta>> item = queue_->pop();
    if (item && (!*item || (*item)->usage)) ended_ = true;
    if (!item || !*item || (*item)->choice != kFakeHandedOver) return item;
    ended_ = handed_over_ = true;
    return std::nullopt;
  }
  bool ended() const override { return ended_; }
  const Handover* handover() const override { return handed_over_ ? left_.get() : nullptr; }

 private:
  std::shared_ptr<FakeQueue> queue_;
  std::shared_ptr<const Handover> left_;
  bool ended_ = false;
  bool handed_over_ = false;
};

// An answer that is there from the start.
template <typename T>
class FakeVectors final : public Answer<T> {
 public:
  explicit FakeVectors(T value) : value_(std::move(value)) {}
  std::optional<Result<T>> poll() override {
    if (!value_) return std::nullopt;
    Result<T> out = std::move(*value_);
    value_.reset();
    return out;
  }
  bool ended() const override { return !value_; }

 private:
  std::optional<T> value_;
};

}  // namespace xc::engine
