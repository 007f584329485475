// Ollama's API onto ChatRequest and CompletionRequest and back (github.com/ollama/ollama,
// docs/api.md). Pure; one Answer per answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::schema {
class JsonWriter;  // json_text.h
}

namespace xc::schema::ollama {

// What Ollama's clients are told on /api/version: the level of the API that is spoken here. Some
// refuse to work with a lower one.
inline constexpr std::string_view kApiVersion = "0.12.6";

enum class Kind : std::uint8_t { Chat, Generate };

struct Request {
  Kind kind = Kind::Chat;
  // Nothing was asked: the model is to be loaded, or with keep_alive 0 to be unloaded.
  bool empty = false;
  std::optional<std::int64_t> keep_alive_ms;  // < 0: for ever
  ChatRequest chat;                           // model and stream are always set
  std::optional<CompletionRequest> raw;       // instead of `chat`: raw, or with a suffix

  const std::string& model() const { return chat.model; }
  bool stream() const { return chat.stream; }
};

// /api/chat: messages (content, thinking, images, tool_calls, tool_name, tool_call_id), tools,
// format ("json" or a schema), think (bool or level), options, stream (true when absent),
// keep_alive, logprobs, top_logprobs. Of the options num_predict, temperature, top_p, top_k, min_p,
// seed, stop and the penalties count; those that say how a model is loaded (num_ctx, num_gpu …) are
// the operator's and ignored. The tag ":latest" of a model is dropped.
// Errors as in openai.h, with Ollama's field names in `param`.
Result<Request> parse_chat(std::string_view json);
// /api/generate: prompt, system, images, suffix, raw and the fields above. Error also Unsupported:
// template, context, and images or format with raw or suffix.
Result<Request> parse_generate(std::string_view json);
// /api/embed {"model","input","dimensions"} and /api/embeddings {"model","prompt"}.
Result<EmbeddingRequest> parse_embed(std::string_view json);
Result<EmbeddingRequest> parse_embeddings(std::string_view json);
// The model that /api/show is about: "model", or "name" of older clients.
Result<std::string> parse_show(std::string_view json);

// "5m", "1h30m", "1.5s" as Go writes durations, or seconds; milliseconds. Nothing when it is none.
std::optional<std::int64_t> duration_ms_of(std::string_view text);
// "2025-01-31T12:00:00.123Z" (RFC 3339).
std::string time_of(std::int64_t unix_ms);

// When something happened: the wall clock, and how long after the request came.
struct Moment {
  std::int64_t unix_ms = 0;
  Duration since{};
};

// Turns deltas of choice 0 into lines of JSON (NDJSON) or into one object. Calls of tools are told
// whole. Calls: add…, then finish or fail.
class Answer {
 public:
  // `loading`: how long a model was waited for.
  Answer(Kind kind, bool stream, std::string model, Duration loading);
  // Appends the lines that can be sent; nothing when the answer is not streamed.
  void add(const Delta& delta, const Moment& now, std::string& out);
  // The last line, or the whole object, with the reason and the durations in nanoseconds. Those of
  // an endpoint that reports none are measured from the moments.
  void finish(const Moment& now, std::string& out);

 private:
  void line(const Choice& choice, const Moment& now, std::string& out) const;
  void append_facts(JsonWriter& w, const Moment& now) const;
  void tell_calls(std::size_t until, const Moment& now, std::string& out);

  Kind kind_;
  bool stream_;
  std::string model_;
  Duration loading_;
  Collector kept_;  // streamed: calls only, until they are whole
  std::size_t calls_told_ = 0;
  Finish finish_ = Finish::Stop;
  Usage usage_;
  std::optional<Timings> timings_;
  std::optional<Duration> first_, last_;  // token
};

// {"model","created_at",…,"done_reason":"load" or "unload","done":true}: nothing was asked.
std::string render_empty(Kind kind, std::string_view model, std::string_view reason,
                         const Moment& now);
// {"model","embeddings":[[…]],"prompt_eval_count"}.
std::string render_embed(std::string_view model, const Embeddings& answer);
// {"embedding":[…]} of the first vector.
std::string render_embeddings(const Embeddings& answer);
// Adds "total_duration" and "load_duration" to an object that has members.
void append_durations(std::string& object, Duration total, Duration loading);
// {"error":"…"}, also as a line in mid-stream.
std::string render_error(const Error& error, Language language);

}  // namespace xc::schema::ollama
