#include "schema/render_parts.h"

#include <cmath>

#include "schema/utf8.h"

namespace xc::schema {
namespace {

// OpenAI's stand-in for "impossible": JSON has no infinity.
constexpr double kLogprobMin = -9999.0;

double shown_logprob(double logprob) { return std::isfinite(logprob) ? logprob : kLogprobMin; }

void append_bytes(std::string& out, std::string_view bytes) {
  out += '[';
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ',';
    append_number(out, std::int64_t{static_cast<unsigned char>(bytes[i])});
  }
  out += ']';
}

void write_token(JsonWriter& w, const TokenLogprob& token) {
  w.text("token", token.token);
  w.number("logprob", shown_logprob(token.logprob));
  append_bytes(w.key("bytes"), token.token);
}

void append_entry(std::string& out, const LogprobEntry& entry) {
  JsonWriter w(out);
  write_token(w, entry.chosen);
  std::string& top = w.key("top_logprobs");
  top += '[';
  for (std::size_t i = 0; i < entry.top.size(); ++i) {
    if (i > 0) top += ',';
    JsonWriter item(top);
    write_token(item, entry.top[i]);
    item.end();
  }
  top += ']';
  w.end();
}

std::string legacy_token(std::string_view token) {
  if (!first_bad_byte(token)) return std::string(token);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "bytes:";
  for (const char c : token) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

void append_legacy_logprob(std::string& out, double logprob) {
  append_number(out, std::isnan(logprob) ? logprob : shown_logprob(logprob));
}

// {"token": logprob, …}; null where the caller asked for no alternatives.
void append_legacy_top(std::string& out, const std::vector<TokenLogprob>& top) {
  if (top.empty()) {
    out += "null";
    return;
  }
  out += '{';
  for (std::size_t i = 0; i < top.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, legacy_token(top[i].token));
    out += ':';
    append_legacy_logprob(out, top[i].logprob);
  }
  out += '}';
}

// Characters that begin in these bytes: continuation bytes belong to the one before.
std::int64_t characters_in(std::string_view text) {
  std::int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

template <typename Append>
void write_column(JsonWriter& w, std::string_view name, const std::vector<LogprobEntry>& entries,
                  Append append) {
  std::string& out = w.key(name);
  out += '[';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ',';
    append(out, entries[i]);
  }
  out += ']';
}

}  // namespace

std::string_view name_of(Finish finish) {
  switch (finish) {
    case Finish::Stop:
      return "stop";
    case Finish::Length:
      return "length";
    case Finish::ToolCalls:
      return "tool_calls";
    case Finish::ContentFilter:
      return "content_filter";
  }
  return "stop";
}

void write_head(JsonWriter& out, const ReplyHead& head, std::string_view object) {
  out.text("id", head.id);
  out.text("object", object);
  out.integer("created", head.created);
  out.text("model", head.model);
  if (!head.fingerprint.empty()) out.text("system_fingerprint", head.fingerprint);
}

void append_tool_call(std::string& out, const ToolCall& call) {
  JsonWriter w(out);
  w.text("id", call.id);
  w.text("type", "function");
  JsonWriter function(w.key("function"));
  function.text("name", call.name);
  function.text("arguments", call.arguments);
  function.end();
  w.end();
}

void append_usage(std::string& out, const Usage& usage) {
  JsonWriter w(out);
  w.integer("prompt_tokens", usage.prompt_tokens);
  w.integer("completion_tokens", usage.completion_tokens);
  w.integer("total_tokens", usage.prompt_tokens + usage.completion_tokens);
  JsonWriter prompt(w.key("prompt_tokens_details"));
  prompt.integer("cached_tokens", usage.cached_tokens);
  prompt.end();
  JsonWriter completion(w.key("completion_tokens_details"));
  completion.integer("reasoning_tokens", usage.reasoning_tokens);
  completion.end();
  w.end();
}

void append_timings(std::string& out, const Timings& timings) {
  JsonWriter w(out);
  w.number("queue_ms", timings.queue_ms);
  w.number("prefill_ms", timings.prefill_ms);
  w.number("decode_ms", timings.decode_ms);
  w.end();
}

void append_prompt_usage(std::string& out, std::int64_t prompt_tokens) {
  JsonWriter w(out);
  w.integer("prompt_tokens", prompt_tokens);
  w.integer("total_tokens", prompt_tokens);
  w.end();
}

void append_logprob_entries(std::string& out, const std::vector<LogprobEntry>& entries) {
  out += '[';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ',';
    append_entry(out, entries[i]);
  }
  out += ']';
}

void append_logprobs(std::string& out, const std::vector<LogprobEntry>& entries) {
  JsonWriter w(out);
  append_logprob_entries(w.key("content"), entries);
  w.raw("refusal", "null");
  w.end();
}

std::int64_t append_legacy_logprobs(std::string& out, const std::vector<LogprobEntry>& entries,
                                    std::int64_t offset) {
  JsonWriter w(out);
  write_column(w, "tokens", entries, [](std::string& to, const LogprobEntry& entry) {
    append_string(to, legacy_token(entry.chosen.token));
  });
  write_column(w, "token_logprobs", entries, [](std::string& to, const LogprobEntry& entry) {
    append_legacy_logprob(to, entry.chosen.logprob);
  });
  write_column(w, "top_logprobs", entries, [](std::string& to, const LogprobEntry& entry) {
    append_legacy_top(to, entry.top);
  });
  write_column(w, "text_offset", entries, [&offset](std::string& to, const LogprobEntry& entry) {
    append_number(to, offset);
    offset += characters_in(entry.chosen.token);
  });
  w.end();
  return offset;
}

}  // namespace xc::schema
