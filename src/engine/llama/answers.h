// The reader's side of a job: pieces become deltas on the reader's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/llama/chat/chat_reader.h"
#include "engine/llama/job.h"

namespace xc::engine::llama {

// Called when the reader goes away, so that the engine thread looks at once.
using Poke = std::function<void()>;

class StreamAnswer final : public DeltaAnswer {
 public:
  // parser null: all text is content.
  StreamAnswer(std::shared_ptr<PieceQueue> queue, Poke poke, int choices,
               std::shared_ptr<const common_chat_parser_params> parser, const OutputForm& form,
               std::function<std::string()> make_id);
  ~StreamAnswer() override;
  std::optional<Result<schema::Delta>> poll() override;
  bool ended() const override { return ended_ && ready_.empty(); }
  const Handover* handover() const override { return handover_ ? &*handover_ : nullptr; }
  // Reads a piece that another process delivered.
  void replay(const Piece& piece);

 private:
  void take(Piece piece);

  std::shared_ptr<PieceQueue> queue_;
  Poke poke_;
  std::vector<ChatReader> readers_;
  std::deque<Result<schema::Delta>> ready_;
  std::optional<schema::Usage> prompt_;  // goes with the next delta
  std::int64_t reasoning_tokens_ = 0;
  std::optional<Handover> handover_;
  bool ended_ = false;
};

// Several prompts of one completion request: choice numbers are shifted, usage is summed.
class JoinedAnswer final : public DeltaAnswer {
 public:
  JoinedAnswer(std::vector<std::unique_ptr<DeltaAnswer>> parts, int choices_each);
  std::optional<Result<schema::Delta>> poll() override;
  bool ended() const override { return ended_; }
  const Handover* handover() const override { return handed_over_ ? &past_ : nullptr; }

 private:
  void part_ended(std::size_t i, const schema::Usage& usage);

  std::vector<std::unique_ptr<DeltaAnswer>> parts_;
  int choices_each_;
  Handover past_;  // of parts that ended
  bool handed_over_ = false;
  schema::Usage usage_;
  bool ended_ = false;
};

template <typename T>
class VectorAnswer final : public Answer<T> {
 public:
  using Rows = std::vector<std::vector<float>>;
  using Queue = AnswerQueue<Result<Rows>>;
  VectorAnswer(std::shared_ptr<Queue> queue, Poke poke, std::function<T(Rows)> finish)
      : queue_(std::move(queue)), poke_(std::move(poke)), finish_(std::move(finish)) {}
  ~VectorAnswer() override {
    queue_->cancel();
    poke_();
  }
  std::optional<Result<T>> poll() override {
    auto rows = queue_->pop();
    if (!rows) return std::nullopt;
    ended_ = true;
    if (!*rows) return Result<T>(std::unexpected(rows->error()));
    return Result<T>(finish_(std::move(**rows)));
  }
  bool ended() const override { return ended_; }

 private:
  std::shared_ptr<Queue> queue_;
  Poke poke_;
  std::function<T(Rows)> finish_;
  bool ended_ = false;
};

}  // namespace xc::engine::llama
