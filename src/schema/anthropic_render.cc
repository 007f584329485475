#include <algorithm>
#include <boost/json/parse_options.hpp>
#include <boost/json/stream_parser.hpp>
#include <string>

#include "base/limits.h"
#include "schema/anthropic.h"
#include "schema/anthropic_parts.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"

namespace xc::schema::anthropic {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string raw_input(std::string_view text) {
  std::string out;
  JsonWriter object(out);
  object.text("_raw", text);
  object.end();
  return out;
}

void append_content(std::string& out, const ReplyHead& head, const Choice& choice) {
  const std::size_t start = out.size();
  auto block = [&](std::string_view type) -> std::string& {
    if (out.size() > start) out += ',';
    return ((out += R"({"type":")") += type) += '"';
  };
  if (!choice.reasoning.empty()) {
    append_string(block("thinking") += R"(,"thinking":)", choice.reasoning);
    out += R"(,"signature":""})";
  }
  if (!choice.content.empty()) {
    append_string(block("text") += R"(,"text":)", choice.content);
    out += R"(,"citations":null})";
  }
  for (std::size_t i = 0; i < choice.tool_calls.size(); ++i) {
    const ToolCall& call = choice.tool_calls[i];
    append_string(block("tool_use") += R"(,"id":)", call_id_of(head, call.id, static_cast<int>(i)));
    append_string(out += R"(,"name":)", call.name);
    ((out += R"(,"input":)") += input_of(call.arguments)) += '}';
  }
}

}  // namespace

Stop stop_of(Finish finish, std::string_view stop_match,
             const std::vector<std::string>& stop_sequences, bool has_calls) {
  switch (finish) {
    case Finish::Length:
      return {"max_tokens", {}};
    case Finish::ContentFilter:
      return {"refusal", {}};
    case Finish::ToolCalls:
      return {"tool_use", {}};
    case Finish::Stop:
      break;
  }
  if (has_calls) return {"tool_use", {}};
  const bool asked_for = std::ranges::find(stop_sequences, stop_match) != stop_sequences.end();
  if (stop_match.empty() || !asked_for) return {"end_turn", {}};
  return {"stop_sequence", stop_match};
}

void append_stop(JsonWriter& out, const Stop& stop) {
  out.text("stop_reason", stop.reason);
  if (stop.sequence.empty()) {
    out.raw("stop_sequence", "null");
  } else {
    out.text("stop_sequence", stop.sequence);
  }
  out.raw("stop_details", stop.reason == "refusal"
                              ? R"({"type":"refusal","category":null,"explanation":null})"
                              : "null");
}

void append_usage(std::string& out, const Usage& usage) {
  JsonWriter object(out);
  // Anthropic counts the cached part apart; OpenAI and the engine count it in.
  object.integer("input_tokens",
                 std::max<std::int64_t>(0, usage.prompt_tokens - usage.cached_tokens));
  object.integer("cache_creation_input_tokens", 0);
  object.integer("cache_read_input_tokens", usage.cached_tokens);
  object.integer("output_tokens", usage.completion_tokens);
  JsonWriter details(object.key("output_tokens_details"));
  details.integer("thinking_tokens", usage.reasoning_tokens);
  details.end();
  object.end();
}

std::string call_id_of(const ReplyHead& head, std::string_view id, int index) {
  if (!id.empty()) return std::string(id);
  const auto cut = head.id.find('_');
  return "toolu_" + head.id.substr(cut == std::string::npos ? 0 : cut + 1) + "_" +
         std::to_string(index);
}

std::string input_of(std::string_view arguments) {
  const std::string_view text = trimmed(arguments);
  if (text.empty()) return "{}";
  const auto value = read_json(text);
  if (!value || !value->is_object()) return raw_input(arguments);
  return std::string(text);
}

ArgumentStream::ArgumentStream() {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  parser_ = std::make_unique<boost::json::stream_parser>(boost::json::storage_ptr{}, options);
}
ArgumentStream::~ArgumentStream() = default;

std::string_view ArgumentStream::admit(std::string_view fragment) {
  if (!sent_) {
    held_ += fragment;
    const auto first = held_.find_first_not_of(kBlank);
    if (first == std::string::npos) return {};
    fragment = std::string_view(held_).substr(first);
    // "[1]" or "yes" are JSON, but no arguments.
    if (fragment.front() != '{') broken_ = true;
  }
  if (broken_) return {};
  boost::system::error_code error;
  parser_->write(fragment.data(), fragment.size(), error);
  if (error) {
    broken_ = true;
    return {};
  }
  sent_ = true;
  return fragment;
}

std::string ArgumentStream::rest() const {
  return sent_ || trimmed(held_).empty() ? std::string() : raw_input(held_);
}

std::string render_reply(const ReplyHead& head, const Collector& answer,
                         const std::vector<std::string>& stop_sequences) {
  static const Choice kNone;
  const Choice& choice = answer.choices().empty() ? kNone : answer.choices().front();
  std::string out;
  JsonWriter message(out);
  message.text("id", head.id);
  message.text("type", "message");
  message.text("role", "assistant");
  message.text("model", head.model);
  std::string content;
  append_content(content, head, choice);
  ((message.key("content") += '[') += content) += ']';
  append_stop(message, stop_of(choice.finish, choice.stop_match, stop_sequences,
                               !choice.tool_calls.empty()));
  append_usage(message.key("usage"), answer.usage());
  message.end();
  return out;
}

std::string render_token_count(std::int64_t input_tokens) {
  std::string out;
  JsonWriter object(out);
  object.integer("input_tokens", input_tokens);
  object.end();
  return out;
}

std::string render_error(const Error& error, Language language, std::string_view request_id) {
  std::string out;
  JsonWriter object(out);
  object.text("type", "error");
  JsonWriter inner(object.key("error"));
  inner.text("type", facts_of(error.code).anthropic_type);
  inner.text("message", text_of(error, language));
  inner.end();
  if (request_id.empty()) {
    object.raw("request_id", "null");
  } else {
    object.text("request_id", request_id);
  }
  object.end();
  return out;
}

}  // namespace xc::schema::anthropic
