#include "engine/llama/answers.h"

namespace xc::engine::llama {

StreamAnswer::StreamAnswer(std::shared_ptr<PieceQueue> queue, Poke poke, int choices,
                           std::shared_ptr<const common_chat_parser_params> parser,
                           const OutputForm& form, std::function<std::string()> make_id)
    : queue_(std::move(queue)), poke_(std::move(poke)) {
  for (int i = 0; i < choices; ++i) readers_.emplace_back(parser, form, make_id);
}

StreamAnswer::~StreamAnswer() {
  queue_->cancel();
  poke_();
}

std::optional<Result<schema::Delta>> StreamAnswer::poll() {
  while (ready_.empty() && !ended_) {
    auto piece = queue_->pop();
    if (!piece) return std::nullopt;
    take(std::move(*piece));
  }
  if (ready_.empty()) return std::nullopt;
  auto next = std::move(ready_.front());
  ready_.pop_front();
  return next;
}

void StreamAnswer::take(Piece piece) {
  if (piece.error) {
    ready_.push_back(std::unexpected(std::move(*piece.error)));
    ended_ = true;
    return;
  }
  if (piece.handover) {
    handover_.emplace().parts.push_back(std::move(*piece.handover));
    ended_ = true;
    return;
  }
  ChatReader& reader = readers_[static_cast<std::size_t>(piece.choice)];
  schema::Delta delta;
  delta.choice = piece.choice;
  delta.logprobs = std::move(piece.logprobs);
  reader.read(piece.text, piece.finish.has_value(), delta);
  if (reader.in_reasoning()) reasoning_tokens_ += piece.tokens;
  delta.finish = piece.finish;
  delta.stop_match = std::move(piece.stop_match);
  if (delta.finish == schema::Finish::Stop && reader.has_tool_calls()) {
    delta.finish = schema::Finish::ToolCalls;
  }
  const bool says_something = !delta.content.empty() || !delta.reasoning.empty() ||
                              !delta.tool_calls.empty() || !delta.logprobs.empty() ||
                              delta.unread_call || delta.finish.has_value();
  if (piece.prompt) prompt_ = piece.prompt;
  if (says_something) {
    delta.prompt = std::exchange(prompt_, std::nullopt);
    ready_.push_back(std::move(delta));
  }
  if (piece.end) {
    schema::Delta last;
    last.usage = piece.end->usage;
    last.usage->reasoning_tokens = reasoning_tokens_;
    last.timings = piece.end->timings;
    ready_.push_back(std::move(last));
    ended_ = true;
  }
}

void StreamAnswer::replay(const Piece& piece) {
  take(piece);
  ready_.clear();
}

JoinedAnswer::JoinedAnswer(std::vector<std::unique_ptr<DeltaAnswer>> parts, int choices_each)
    : parts_(std::move(parts)), choices_each_(choices_each) {
  past_.parts.resize(parts_.size());
}

// Only its usage matters to who goes on.
void JoinedAnswer::part_ended(std::size_t i, const schema::Usage& usage) {
  usage_.prompt_tokens += usage.prompt_tokens;
  usage_.completion_tokens += usage.completion_tokens;
  usage_.cached_tokens += usage.cached_tokens;
  Handover::Part& past = past_.parts[i];
  past.cached_tokens = usage.cached_tokens;
  past.choices.assign(static_cast<std::size_t>(choices_each_), {{}, 0, true});
  past.choices.front().generated = static_cast<int>(usage.completion_tokens);
}

std::optional<Result<schema::Delta>> JoinedAnswer::poll() {
  bool all_ended = true;
  for (std::size_t i = 0; i < parts_.size() && !ended_; ++i) {
    while (auto delta = parts_[i]->poll()) {
      if (!*delta) {
        ended_ = true;
        return delta;
      }
      if (const auto& usage = (*delta)->usage) {
        part_ended(i, *usage);
        continue;
      }
      (*delta)->choice += static_cast<int>(i) * choices_each_;
      return delta;
    }
    all_ended = all_ended && parts_[i]->ended();
  }
  if (ended_ || !all_ended) return std::nullopt;
  ended_ = true;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Handover* left = parts_[i]->handover();
    if (left == nullptr) continue;
    past_.parts[i] = left->parts.front();
    handed_over_ = true;
  }
  if (handed_over_) return std::nullopt;
  schema::Delta last;
  last.usage = usage_;
  return Result<schema::Delta>(std::move(last));
}

}  // namespace xc::engine::llama
