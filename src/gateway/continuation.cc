#include "gateway/continuation.h"

#include <algorithm>

#include "base/limits.h"
#include "schema/dialect.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool says_something(const schema::Delta& delta) {
  return !delta.content.empty() || !delta.reasoning.empty() || !delta.tool_calls.empty() ||
         delta.finish || delta.usage || delta.unread_call || delta.prompt;
}

}  // namespace

bool may_continue(const schema::ChatRequest& request) {
  using Choice = schema::ToolChoice::Kind;
  const bool free = request.format.kind == schema::ResponseFormat::Kind::Text &&
                    (request.tool_choice.kind == Choice::Auto ||
                     request.tool_choice.kind == Choice::None || request.tools.empty());
  const bool turn =
      !request.messages.empty() && request.messages.back().role != schema::Role::Assistant;
  return request.stream && request.n == 1 && !request.logprobs && !request.sampling.seed && free &&
         turn;
}

Status Continuation::pass(std::vector<schema::Delta>& deltas) {
  if (!allowed_) return {};
  for (schema::Delta& delta : deltas) {
    if (before_ && !delta.reasoning.empty()) {
      return fail(Code::Upstream, Message::EndpointLost, {}, "it thinks in mid-answer");
    }
    if (before_) join(delta);
    note(delta);
  }
  if (before_) std::erase_if(deltas, [](const auto& delta) { return !says_something(delta); });
  return {};
}

// What the endpoint behind a seam says, as part of the whole answer.
void Continuation::join(schema::Delta& delta) {
  if (!repeated_.empty() && !delta.content.empty()) {
    const auto [theirs, ours] = std::ranges::mismatch(delta.content, repeated_);
    const auto same = static_cast<std::size_t>(theirs - delta.content.begin());
    const bool all = same == delta.content.size();
    delta.content.erase(0, same);
    repeated_ = all ? repeated_.substr(same) : std::string();
  }
  if (!delta.usage) return;
  schema::Usage& usage = *delta.usage;
  usage.completion_tokens += *before_;
  usage.prompt_tokens = std::max<std::int64_t>(usage.prompt_tokens - *before_, 0);
  usage.cached_tokens = std::min(usage.cached_tokens, usage.prompt_tokens);
}

void Continuation::note(const schema::Delta& delta) {
  begun_ = true;
  if (closed_) return;
  closed_ = delta.choice != 0 || !delta.reasoning.empty() || !delta.tool_calls.empty() ||
            !delta.logprobs.empty() || delta.finish || delta.unread_call;
  tokens_ += delta.content.empty() ? 0 : 1;
  if (delta.content.find_first_not_of(kBlanks) != std::string::npos) shown_ = tokens_;
  text_ += delta.content;
  closed_ = closed_ || text_.size() > limits::kBodyBytesMax;
}

std::optional<std::string> Continuation::next(std::string_view body) {
  if (!allowed_ || !begun_ || closed_ || asked_ >= limits::kContinuationsMax) return std::nullopt;
  const std::size_t end = text_.find_last_not_of(kBlanks) + 1;  // 0: blanks only
  std::optional<std::string> asked =
      schema::continued(body, std::string_view(text_).substr(0, end), shown_);
  if (!asked) return std::nullopt;
  ++asked_;
  before_ = tokens_ = shown_;
  repeated_ = text_.substr(end);
  return asked;
}

}  // namespace xc::gateway
