#include "engine/core/thought_budget.h"

#include <algorithm>
#include <utility>

#include "engine/core/text_stream.h"

namespace xc::engine {
namespace {

// Tokens beyond the budget in which a character or the closing tag may be completed. A tag of ten
// bytes is that many tokens at worst.
constexpr int kWaitTokens = 12;
// "<" alone is no sign of a tag: thoughts compare numbers.
constexpr std::size_t kTagBytesMin = 2;

// `text` ends with the beginning of `tag`.
bool ends_within(std::string_view text, std::string_view tag) {
  for (std::size_t n = kTagBytesMin; n < tag.size(); ++n) {
    if (text.ends_with(tag.substr(0, n))) return true;
  }
  return false;
}

}  // namespace

ThoughtBudget::ThoughtBudget(ThoughtLimit limit) : limit_(std::move(limit)) {
  if (limit_.start == ThoughtLimit::Start::None) state_ = State::Over;
  if (limit_.start == ThoughtLimit::Start::Thoughts) begin();
}

void ThoughtBudget::begin() {
  seen_.clear();
  state_ = limit_.tokens && *limit_.tokens <= 0 ? State::Closing : State::Counting;
}

std::optional<Token> ThoughtBudget::due() const {
  if (state_ != State::Closing || closed_ >= limit_.closing.size()) return std::nullopt;
  return limit_.closing[closed_];
}

void ThoughtBudget::accept(std::string_view text) {
  switch (state_) {
    case State::Before:
      return look_for_open(text);
    case State::Counting:
      return look_for_close(text);
    case State::Closing:
      if (++closed_ >= limit_.closing.size()) state_ = State::Over;
      return;
    case State::Over:
      return;
  }
}

void ThoughtBudget::look_for_open(std::string_view text) {
  seen_ += text;
  seen_.erase(0, std::min(seen_.find_first_not_of(" \t\r\n"), seen_.size()));
  if (seen_.starts_with(limit_.open)) {
    const std::string rest = seen_.substr(limit_.open.size());
    begin();
    if (state_ == State::Counting && !rest.empty()) look_for_close(rest);
  } else if (!std::string_view(limit_.open).starts_with(seen_)) {
    state_ = State::Over;
  }
}

void ThoughtBudget::look_for_close(std::string_view text) {
  ++spent_;
  seen_ += text;
  if (seen_.find(limit_.close) != std::string::npos) {
    state_ = State::Over;
    return;
  }
  const bool whole = incomplete_utf8_tail(seen_) == 0 && !ends_within(seen_, limit_.close);
  if (seen_.size() > limit_.close.size()) seen_.erase(0, seen_.size() - limit_.close.size());
  if (!limit_.tokens || spent_ < *limit_.tokens) return;
  if (whole || ++waited_ > kWaitTokens) state_ = State::Closing;
}

}  // namespace xc::engine
