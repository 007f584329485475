#include "schema/reply_parts.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "schema/json_reader.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

// The inverse of render_parts.cc: "bytes:\xe4\xbd" is two bytes. Other text stays as it is.
std::string token_of_legacy(std::string_view text) {
  constexpr std::string_view kPrefix = "bytes:";
  constexpr std::size_t kStep = 4;  // \xNN
  if (!text.starts_with(kPrefix)) return std::string(text);
  const std::string_view hex = text.substr(kPrefix.size());
  std::string out;
  for (std::size_t i = 0; i + kStep <= hex.size(); i += kStep) {
    unsigned byte = 0;
    const char* digits = hex.data() + i + 2;
    const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
    if (hex.substr(i, 2) != "\\x" || error != std::errc() || end != digits + 2) break;
    out += static_cast<char>(byte);
  }
  const bool whole = !out.empty() && out.size() * kStep == hex.size();
  return whole ? out : std::string(text);
}

// `bytes` says it exactly where the token is a part of a character.
TokenLogprob token_of(const json::object& object) {
  TokenLogprob out;
  out.token = text_in(object, "token");
  if (const json::value* logprob = object.if_contains("logprob")) {
    out.logprob = number_of(*logprob).value_or(0);
  }
  const json::array* bytes = array_in(object, "bytes");
  if (bytes == nullptr || bytes->empty()) return out;
  std::string exact;
  for (const json::value& item : *bytes) {
    const std::int64_t* byte = item.if_int64();
    if (byte == nullptr || *byte < 0 || *byte > 255) return out;
    exact += static_cast<char>(*byte);
  }
  out.token = std::move(exact);
  return out;
}

std::vector<LogprobEntry> chat_entries(const json::array& content) {
  std::vector<LogprobEntry> out;
  for (const json::value& item : content) {
    const json::object* object = item.if_object();
    if (object == nullptr) continue;
    LogprobEntry entry{token_of(*object), {}};
    const json::array* top = array_in(*object, "top_logprobs");
    for (std::size_t i = 0; top != nullptr && i < top->size(); ++i) {
      if (const json::object* other = (*top)[i].if_object()) entry.top.push_back(token_of(*other));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<TokenLogprob> legacy_top(const json::array* tops, std::size_t at) {
  std::vector<TokenLogprob> out;
  const json::object* top =
      tops != nullptr && at < tops->size() ? (*tops)[at].if_object() : nullptr;
  if (top == nullptr) return out;
  for (const json::key_value_pair& member : *top) {
    out.push_back({token_of_legacy(member.key()), number_of(member.value()).value_or(0)});
  }
  return out;
}

std::vector<LogprobEntry> legacy_entries(const json::object& logprobs, const json::array& tokens) {
  const json::array* values = array_in(logprobs, "token_logprobs");
  const json::array* tops = array_in(logprobs, "top_logprobs");
  std::vector<LogprobEntry> out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    LogprobEntry entry;
    if (const json::string* token = tokens[i].if_string()) {
      entry.chosen.token = token_of_legacy(*token);
    }
    // null: the first token of an echoed prompt has no probability.
    entry.chosen.logprob = std::numeric_limits<double>::quiet_NaN();
    if (values != nullptr && i < values->size()) {
      entry.chosen.logprob = number_of((*values)[i]).value_or(entry.chosen.logprob);
    }
    entry.top = legacy_top(tops, i);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::optional<Finish> finish_named(std::string_view reason) {
  if (reason.empty()) return std::nullopt;
  if (reason == "length") return Finish::Length;
  if (reason == "tool_calls" || reason == "function_call") return Finish::ToolCalls;
  if (reason == "content_filter") return Finish::ContentFilter;
  return Finish::Stop;
}

std::string_view text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

std::optional<double> number_of(const json::value& value) {
  if (value.is_double()) return value.get_double();
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  return std::nullopt;
}

std::int64_t integer_in(const json::object& object, std::string_view key, std::int64_t otherwise) {
  const json::value* value = object.if_contains(key);
  const std::optional<double> number = value != nullptr ? number_of(*value) : std::nullopt;
  constexpr double kExact = 9007199254740992.0;  // 2^53: counts beyond are nonsense
  if (!number || !(std::abs(*number) <= kExact)) return otherwise;
  return static_cast<std::int64_t>(*number);
}

const json::object* object_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

const json::array* array_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr ? value->if_array() : nullptr;
}

Result<json::object> read_reply(std::string_view text, json::storage_ptr memory) {
  auto document = read_json(text, std::move(memory));
  json::object* object = document ? document->if_object() : nullptr;
  if (object == nullptr) {
    return fail(Code::Upstream, xc::Message::UpstreamFailed, {"invalid JSON"},
                document ? "not an object" : text_of(document.error(), Language::En));
  }
  if (auto error = error_in(*object, 0)) return std::unexpected(std::move(*error));
  return std::move(*object);
}

Usage usage_of(const json::object& usage) {
  const auto count = [](const json::object& object, std::string_view key) {
    return std::max<std::int64_t>(integer_in(object, key, 0), 0);
  };
  Usage out;
  out.prompt_tokens = count(usage, "prompt_tokens");
  out.completion_tokens = count(usage, "completion_tokens");
  // DeepSeek and Moonshot say the cached part beside the others.
  out.cached_tokens =
      std::max(count(usage, "prompt_cache_hit_tokens"), count(usage, "cached_tokens"));
  if (const json::object* details = object_in(usage, "prompt_tokens_details")) {
    out.cached_tokens = std::max(out.cached_tokens, count(*details, "cached_tokens"));
  }
  out.reasoning_tokens = count(usage, "reasoning_tokens");
  if (const json::object* details = object_in(usage, "completion_tokens_details")) {
    out.reasoning_tokens = std::max(out.reasoning_tokens, count(*details, "reasoning_tokens"));
  }
  return out;
}

Timings timings_of(const json::object& timings) {
  const auto ms = [&timings](std::string_view key) {
    const json::value* value = timings.if_contains(key);
    return value == nullptr ? 0.0 : std::max(number_of(*value).value_or(0.0), 0.0);
  };
  return {ms("queue_ms"), ms("prefill_ms"), ms("decode_ms")};
}

std::vector<LogprobEntry> logprobs_of(const json::object& logprobs) {
  if (const json::array* content = array_in(logprobs, "content")) return chat_entries(*content);
  if (const json::array* tokens = array_in(logprobs, "tokens")) {
    return legacy_entries(logprobs, *tokens);
  }
  return {};
}

}  // namespace xc::schema
