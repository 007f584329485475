#include "schema/plain_chunk.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "base/limits.h"
#include "schema/reply_parts.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

// Where the reader stands: an object whose members it knows, or the list of choices.
enum class Place : std::uint8_t {
  Root,
  Choices,
  Choice,
  Delta,
  Usage,
  Prompt,
  Completion,
  Timings
};

// What a value is to it. `Ignored` is skipped whole; `Rare` must be null.
enum class Field : std::uint8_t {
  Ignored,
  Rare,
  Object,
  Choices,
  Index,
  Delta,
  Finish,
  StopReason,
  Content,
  Reasoning,
  Usage,
  PromptDetails,
  CompletionDetails,
  Timings,
  PromptTokens,
  CompletionTokens,
  CachedTokens,
  HitTokens,
  DetailCachedTokens,
  ReasoningTokens,
  DetailReasoningTokens,
  QueueMs,
  PrefillMs,
  DecodeMs,
};

struct Member {
  Place place;
  std::string_view key;
  Field field;
};
constexpr Member kMembers[] = {
    {Place::Root, "object", Field::Object},
    {Place::Root, "choices", Field::Choices},
    {Place::Root, "usage", Field::Usage},
    {Place::Root, "timings", Field::Timings},
    {Place::Root, "error", Field::Rare},
    {Place::Choice, "index", Field::Index},
    {Place::Choice, "delta", Field::Delta},
    {Place::Choice, "finish_reason", Field::Finish},
    {Place::Choice, "logprobs", Field::Rare},
    {Place::Choice, "message", Field::Rare},
    {Place::Choice, "warning", Field::Rare},
    {Place::Choice, "stop_reason", Field::StopReason},
    {Place::Delta, "content", Field::Content},
    {Place::Delta, "reasoning_content", Field::Reasoning},
    {Place::Delta, "reasoning", Field::Rare},
    {Place::Delta, "tool_calls", Field::Rare},
    {Place::Delta, "function_call", Field::Rare},
    {Place::Usage, "prompt_tokens", Field::PromptTokens},
    {Place::Usage, "completion_tokens", Field::CompletionTokens},
    {Place::Usage, "cached_tokens", Field::CachedTokens},
    {Place::Usage, "prompt_cache_hit_tokens", Field::HitTokens},
    {Place::Usage, "reasoning_tokens", Field::ReasoningTokens},
    {Place::Usage, "prompt_tokens_details", Field::PromptDetails},
    {Place::Usage, "completion_tokens_details", Field::CompletionDetails},
    {Place::Prompt, "cached_tokens", Field::DetailCachedTokens},
    {Place::Completion, "reasoning_tokens", Field::DetailReasoningTokens},
    {Place::Timings, "queue_ms", Field::QueueMs},
    {Place::Timings, "prefill_ms", Field::PrefillMs},
    {Place::Timings, "decode_ms", Field::DecodeMs},
};

static_assert(std::ranges::is_sorted(kMembers, {}, &Member::place));

Field field_of(Place place, std::string_view key) {
  // Where the members of each place begin.
  static constexpr auto kFirst = [] {
    std::array<std::size_t, static_cast<std::size_t>(Place::Timings) + 2> first{};
    for (const Member& member : kMembers) {
      for (std::size_t p = static_cast<std::size_t>(member.place) + 1; p < first.size(); ++p) {
        ++first[p];
      }
    }
    return first;
  }();
  const auto at = static_cast<std::size_t>(place);
  for (std::size_t i = kFirst[at]; i < kFirst[at + 1]; ++i) {
    if (kMembers[i].key == key) return kMembers[i].field;
  }
  return Field::Ignored;
}

constexpr std::uint32_t bit_of(Field field) { return 1u << static_cast<unsigned>(field); }
constexpr std::uint32_t kOfRoot =
    bit_of(Field::Object) | bit_of(Field::Choices) | bit_of(Field::Usage) | bit_of(Field::Timings);
constexpr std::int64_t kCountMax = std::int64_t{1} << 53;  // as integer_in has it

// Boost.JSON's handler: gives up with an error at the first thing that is not plain.
class PlainReader {
 public:
  static constexpr std::size_t max_object_size = SIZE_MAX, max_array_size = SIZE_MAX,
                               max_key_size = SIZE_MAX, max_string_size = SIZE_MAX;
  using Code = json::error_code;
  using View = json::string_view;

  explicit PlainReader(std::vector<Delta>& out) : deltas_(out), first_(out.size()) {}
  bool finish();  // false: it was no plain chunk

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code& code);
  bool on_object_end(std::size_t, Code&) { return leave(); }
  bool on_array_begin(Code& code);
  bool on_array_end(std::size_t, Code&) { return leave(); }
  bool on_key_part(View, std::size_t, Code& code) { return skipped_ > 0 || give_up(code); }
  bool on_key(View key, std::size_t, Code& code);
  bool on_string_part(View text, std::size_t, Code& code) { return add_text(text, false, code); }
  bool on_string(View text, std::size_t, Code& code) { return add_text(text, true, code); }
  bool on_number_part(View, Code&) { return true; }
  bool on_int64(std::int64_t number, View, Code& code);
  bool on_uint64(std::uint64_t, View, Code& code) { return is_ignored() || give_up(code); }
  bool on_double(double number, View, Code& code);
  bool on_bool(bool, Code& code) { return is_ignored() || give_up(code); }
  bool on_null(Code& code);
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }

 private:
  static bool give_up(Code& code) {
    code = json::error::syntax;
    return false;
  }
  bool is_ignored() const { return skipped_ > 0 || field_ == Field::Ignored; }
  bool enter(Place place) {
    places_[++depth_] = place;
    return true;
  }
  bool leave();
  bool add_text(View text, bool last, Code& code);
  bool put_ms(double ms);

  std::array<Place, 6> places_{};  // no known place lies deeper
  int depth_ = -1;
  int skipped_ = 0;  // ignored objects and arrays around the next value
  Field field_ = Field::Ignored;
  std::uint32_t seen_ = 0;      // fields of the root and of what is read once
  std::string word_;            // of `object` and `finish_reason`, when it comes in parts
  std::vector<Delta>& deltas_;  // the chunk's from first_ on
  const std::size_t first_;
  bool listed_ = false, any_choices_ = false;
  std::optional<schema::Usage> usage_;
  std::optional<schema::Timings> timings_;
};

bool PlainReader::on_object_begin(Code& code) {
  if (depth_ < 0) return enter(Place::Root);
  if (skipped_ > 0) return ++skipped_ > 0;
  if (places_[depth_] == Place::Choices) {
    any_choices_ = true;
    seen_ &= kOfRoot;
    deltas_.emplace_back();
    return enter(Place::Choice);
  }
  switch (field_) {
    case Field::Ignored:
      return ++skipped_ > 0;
    case Field::Delta:
      return enter(Place::Delta);
    case Field::Usage:
      usage_.emplace();
      return enter(Place::Usage);
    case Field::PromptDetails:
      return enter(Place::Prompt);
    case Field::CompletionDetails:
      return enter(Place::Completion);
    case Field::Timings:
      timings_.emplace();
      return enter(Place::Timings);
    default:
      return give_up(code);
  }
}

bool PlainReader::on_array_begin(Code& code) {
  if (depth_ < 0) return give_up(code);
  if (is_ignored()) return ++skipped_ > 0;
  if (field_ != Field::Choices) return give_up(code);
  listed_ = true;
  field_ = Field::Rare;  // an item that is no object
  return enter(Place::Choices);
}

bool PlainReader::leave() {
  if (skipped_ > 0) {
    --skipped_;
  } else {
    --depth_;
  }
  if (depth_ >= 0 && places_[depth_] == Place::Choices) field_ = Field::Rare;
  return true;
}

bool PlainReader::on_key(View key, std::size_t, Code& code) {
  if (skipped_ > 0) return true;
  field_ = field_of(places_[depth_], key);
  if (field_ == Field::Ignored) return true;
  const bool again = (seen_ & bit_of(field_)) != 0;
  seen_ |= bit_of(field_);
  return !again || field_ == Field::Rare || give_up(code);
}

bool PlainReader::add_text(View text, bool last, Code& code) {
  if (depth_ < 0) return give_up(code);
  if (is_ignored()) return true;
  if (field_ == Field::Content) {
    deltas_.back().content.append(text.data(), text.size());
    return true;
  }
  if (field_ == Field::Reasoning) {
    deltas_.back().reasoning.append(text.data(), text.size());
    return true;
  }
  if (field_ != Field::Finish && field_ != Field::Object) return give_up(code);
  if (!last || !word_.empty()) word_.append(text.data(), text.size());
  if (!last) return true;
  const std::string parts = std::exchange(word_, {});
  const std::string_view word = parts.empty() ? std::string_view(text) : parts;
  if (field_ == Field::Object) return word != "error" || give_up(code);
  deltas_.back().finish = finish_named(word);
  return true;
}

bool PlainReader::on_int64(std::int64_t number, View, Code& code) {
  if (depth_ < 0) return give_up(code);
  if (is_ignored() || field_ == Field::StopReason) return true;
  if (number < 0 || number > kCountMax) return give_up(code);
  switch (field_) {
    case Field::Index:
      if (number > kChoiceIndexMax) return give_up(code);
      deltas_.back().choice = static_cast<int>(number);
      return true;
    case Field::PromptTokens:
      usage_->prompt_tokens = number;
      return true;
    case Field::CompletionTokens:
      usage_->completion_tokens = number;
      return true;
    case Field::CachedTokens:
    case Field::HitTokens:
    case Field::DetailCachedTokens:
      usage_->cached_tokens = std::max(usage_->cached_tokens, number);
      return true;
    case Field::ReasoningTokens:
    case Field::DetailReasoningTokens:
      usage_->reasoning_tokens = std::max(usage_->reasoning_tokens, number);
      return true;
    default:
      return put_ms(static_cast<double>(number)) || give_up(code);
  }
}

bool PlainReader::on_double(double number, View, Code& code) {
  if (depth_ < 0) return give_up(code);
  return is_ignored() || put_ms(number) || give_up(code);
}

bool PlainReader::put_ms(double ms) {
  if (field_ != Field::QueueMs && field_ != Field::PrefillMs && field_ != Field::DecodeMs) {
    return false;
  }
  double& to = field_ == Field::QueueMs     ? timings_->queue_ms
               : field_ == Field::PrefillMs ? timings_->prefill_ms
                                            : timings_->decode_ms;
  to = std::max(ms, 0.0);
  return true;
}

bool PlainReader::on_null(Code& code) {
  if (depth_ < 0 || places_[depth_] == Place::Choices) return give_up(code);
  return true;  // as if the field were not there
}

bool PlainReader::finish() {
  if (!listed_ && !usage_) return false;
  const auto begin = deltas_.begin() + static_cast<std::ptrdiff_t>(first_);
  deltas_.erase(std::remove_if(begin, deltas_.end(),
                               [](const Delta& delta) {
                                 return delta.content.empty() && delta.reasoning.empty() &&
                                        !delta.finish;
                               }),
                deltas_.end());
  const bool finished = !any_choices_ || std::any_of(begin, deltas_.end(), [](const Delta& delta) {
    return delta.finish.has_value();
  });
  if (!usage_ || !finished) return true;
  Delta& last = deltas_.emplace_back();
  last.usage = usage_;
  last.timings = timings_;
  return true;
}

}  // namespace

bool append_plain_chunk(std::string_view text, std::vector<Delta>& out) {
  if (first_bad_byte(text)) return false;
  const std::size_t before = out.size();
  if (out.capacity() == 0) out.reserve(3);  // text, end and usage
  json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  json::basic_parser<PlainReader> parser(options, out);
  json::error_code error;
  const std::size_t stopped_at = parser.write_some(false, text.data(), text.size(), error);
  const bool plain = !error && stopped_at == text.size() && parser.handler().finish();
  if (!plain) out.erase(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
  return plain;
}

std::optional<std::vector<Delta>> read_plain_chunk(std::string_view text) {
  std::vector<Delta> deltas;
  if (!append_plain_chunk(text, deltas)) return std::nullopt;
  return deltas;
}

}  // namespace xc::schema
