// chat.completion and chat.completion.chunk.
#include "schema/openai.h"
#include "schema/render_parts.h"

namespace xc::schema {
namespace {

void append_reply_message(std::string& out, const Choice& choice) {
  JsonWriter w(out);
  w.text("role", "assistant");
  if (choice.content.empty() && !choice.tool_calls.empty()) {
    w.raw("content", "null");
  } else {
    w.text("content", choice.content);
  }
  if (!choice.reasoning.empty()) w.text("reasoning_content", choice.reasoning);
  w.raw("refusal", "null");
  if (!choice.tool_calls.empty()) {
    std::string& calls = w.key("tool_calls");
    calls += '[';
    for (std::size_t i = 0; i < choice.tool_calls.size(); ++i) {
      if (i > 0) calls += ',';
      append_tool_call(calls, choice.tool_calls[i]);
    }
    calls += ']';
  }
  w.end();
}

void append_choice(std::string& out, std::size_t index, const Choice& choice, bool logprobs) {
  JsonWriter w(out);
  w.integer("index", static_cast<std::int64_t>(index));
  append_reply_message(w.key("message"), choice);
  if (logprobs) {
    append_logprobs(w.key("logprobs"), choice.logprobs);
  } else {
    w.raw("logprobs", "null");
  }
  w.text("finish_reason", name_of(choice.finish));
  if (!choice.stop_match.empty()) w.text("stop_reason", choice.stop_match);
  w.end();
}

// The first delta of a call names it; later ones only append arguments.
void append_call_delta(std::string& out, const ToolCallDelta& call) {
  JsonWriter w(out);
  w.integer("index", call.index);
  if (!call.id.empty()) w.text("id", call.id);
  if (!call.id.empty() || !call.name.empty()) w.text("type", "function");
  JsonWriter function(w.key("function"));
  if (!call.name.empty()) function.text("name", call.name);
  function.text("arguments", call.arguments);
  function.end();
  w.end();
}

void append_delta(std::string& out, const Delta& delta, bool first) {
  JsonWriter w(out);
  if (first) w.text("role", "assistant");
  if (!delta.content.empty() || (first && delta.tool_calls.empty())) {
    w.text("content", delta.content);
  } else if (first) {
    w.raw("content", "null");
  }
  if (!delta.reasoning.empty()) w.text("reasoning_content", delta.reasoning);
  if (!delta.tool_calls.empty()) {
    std::string& calls = w.key("tool_calls");
    calls += '[';
    for (std::size_t i = 0; i < delta.tool_calls.size(); ++i) {
      if (i > 0) calls += ',';
      append_call_delta(calls, delta.tool_calls[i]);
    }
    calls += ']';
  }
  w.end();
}

}  // namespace

std::string render_chat_reply(const ReplyHead& head, const Collector& answer, bool logprobs) {
  std::string out;
  std::size_t text_bytes = 0;
  for (const Choice& choice : answer.choices()) {
    text_bytes += choice.content.size() + choice.reasoning.size();
  }
  out.reserve(512 + text_bytes + text_bytes / 16);
  JsonWriter w(out);
  write_head(w, head, "chat.completion");
  std::string& choices = w.key("choices");
  choices += '[';
  for (std::size_t i = 0; i < answer.choices().size(); ++i) {
    if (i > 0) choices += ',';
    append_choice(choices, i, answer.choices()[i], logprobs);
  }
  choices += ']';
  append_usage(w.key("usage"), answer.usage());
  w.end();
  return out;
}

std::string render_chat_chunk(const ReplyHead& head, const Delta& delta, bool first) {
  std::string out;
  out.reserve(256 + delta.content.size());
  JsonWriter w(out);
  write_head(w, head, "chat.completion.chunk");
  if (delta.usage) {
    w.raw("choices", "[]");
    append_usage(w.key("usage"), *delta.usage);
    if (delta.timings) append_timings(w.key("timings"), *delta.timings);
    w.end();
    return out;
  }
  w.key("choices") += '[';
  JsonWriter choice(out);
  choice.integer("index", delta.choice);
  append_delta(choice.key("delta"), delta, first);
  if (delta.logprobs.empty()) {
    choice.raw("logprobs", "null");
  } else {
    append_logprobs(choice.key("logprobs"), delta.logprobs);
  }
  if (delta.unread_call) choice.text("warning", kUnreadCall);
  if (delta.finish) {
    choice.text("finish_reason", name_of(*delta.finish));
    if (!delta.stop_match.empty()) choice.text("stop_reason", delta.stop_match);
  } else {
    choice.raw("finish_reason", "null");
  }
  choice.end();
  out += ']';
  w.end();
  return out;
}

}  // namespace xc::schema
