// What a model is asked and what it answers, as structs. JSON becomes these at the door and only
// the .cc files here turn them back; everything between door and model speaks structs.
// Fields follow OpenAI's chat completions unless said otherwise. Plain data: no thread rules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/sources.h"

namespace xc::schema {

enum class Role : std::uint8_t { System, User, Assistant, Tool };

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text as the model wrote it
};

struct Image {
  std::string media_type;  // image/png …
  std::string bytes;       // decoded from the data: URL
};

struct ContentPart {
  std::string text;  // when there is no image
  std::optional<Image> image;
};

struct Message {
  Role role = Role::User;
  std::vector<ContentPart> parts;
  std::string reasoning;  // reasoning_content of an earlier assistant turn
  std::vector<ToolCall> tool_calls;
  std::string tool_call_id;  // Role::Tool: which call this answers
  std::string name;
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters_json;  // JSON schema, "{}" when absent
  bool strict = false;
};

struct ToolChoice {
  enum class Kind : std::uint8_t { Auto, None, Required, Named } kind = Kind::Auto;
  std::string name;  // Named
};

struct ResponseFormat {
  enum class Kind : std::uint8_t { Text, JsonObject, JsonSchema } kind = Kind::Text;
  std::string schema_json;  // JsonSchema
};

// Unset means: the model's default from the catalogue, else the engine's.
struct Sampling {
  std::optional<double> temperature;         // 0 – 2; 0 is greedy
  std::optional<double> top_p;               // 0 – 1
  std::optional<int> top_k;                  // extra field; 0 is off
  std::optional<double> min_p;               // extra field
  std::optional<double> presence_penalty;    // -2 – 2
  std::optional<double> frequency_penalty;   // -2 – 2
  std::optional<double> repetition_penalty;  // extra field; 1 is off
  std::optional<std::int64_t> seed;
  std::vector<std::pair<std::int32_t, double>> logit_bias;  // token id, -100 – 100
};

// Extra field "speculation": a caller may switch drafts off for its request, never on.
enum class Speculation : std::uint8_t { Auto, Off };

struct ChatRequest {
  std::string model;
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  bool parallel_tool_calls = true;
  ResponseFormat format;
  Sampling sampling;
  std::optional<int> max_tokens;  // max_completion_tokens, else max_tokens
  int n = 1;
  std::vector<std::string> stop;
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  bool logprobs = false;
  int top_logprobs = 0;
  bool ignore_eos = false;  // extra field
  Speculation speculation = Speculation::Auto;
  std::optional<bool> thinking;        // extra: chat_template_kwargs.enable_thinking
  std::optional<int> thinking_budget;  // extra: tokens of thoughts at most; 0: none
  std::string reasoning_effort;        // "", none, minimal, low, medium, high
  std::map<std::string, std::string> template_kwargs;  // chat_template_kwargs: name → JSON text
  std::vector<File> files;  // of the last question; empty once they are part of its text
  std::vector<SearchResult> search_results;  // likewise
};

// /v1/completions. A prompt is text or token ids; several prompts are several choices.
struct Prompt {
  std::string text;
  std::vector<std::int32_t> tokens;  // used when not empty
};
struct CompletionRequest {
  std::string model;
  std::vector<Prompt> prompts;
  std::string suffix;  // infill: text after the hole
  bool has_suffix = false;
  bool echo = false;
  Sampling sampling;
  std::optional<int> max_tokens;  // OpenAI's default is 16
  int n = 1;
  std::vector<std::string> stop;
  bool stream = false;
  bool include_usage = false;
  std::optional<int> logprobs;  // number of alternatives
  bool ignore_eos = false;
  Speculation speculation = Speculation::Auto;
};

struct EmbeddingRequest {
  std::string model;
  std::vector<Prompt> inputs;
  bool base64 = false;
  std::optional<int> dimensions;
};

// /v1/rerank, the shape that Jina and Cohere use.
struct RerankRequest {
  std::string model;
  std::string query;
  std::vector<std::string> documents;
  std::optional<int> top_n;
  bool return_documents = false;
};

// --- answers ---

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;     // part of prompt_tokens that was not computed again
  std::int64_t reasoning_tokens = 0;  // part of completion_tokens
};

// Where the time of one request went inside the worker; our own workers report it with the usage.
struct Timings {
  double queue_ms = 0;    // from arrival to the first step
  double prefill_ms = 0;  // from the first step to the first token
  double decode_ms = 0;   // from the first token to the last
};

enum class Finish : std::uint8_t { Stop, Length, ToolCalls, ContentFilter };

struct TokenLogprob {
  std::string token;  // the token's bytes; may be part of a UTF-8 character
  double logprob = 0;
};
struct LogprobEntry {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;
};

struct ToolCallDelta {
  int index = 0;
  std::string id;         // on the first delta of a call
  std::string name;       // on the first delta of a call
  std::string arguments;  // appended
};

// One step of one choice. Text is always whole UTF-8 characters.
struct Delta {
  int choice = 0;
  std::string content;
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;
  std::vector<LogprobEntry> logprobs;
  std::optional<Finish> finish;    // the choice's last delta
  std::optional<Usage> usage;      // the request's last delta, alone
  std::optional<Timings> timings;  // with usage; rendered as "timings" in chunks
  std::string stop_match;  // beside Finish::Stop: which of the request's stops ended it, if any
  // The content so far has a tool call that could not be read, as the model wrote it.
  bool unread_call = false;
  // On the request's first delta: prompt_tokens and cached_tokens, when the engine knows them then.
  std::optional<Usage> prompt;
};

// How Delta::unread_call is called in chunks ("warning" of the choice) and in X-Xingcha-Warning.
inline constexpr std::string_view kUnreadCall = "tool_call_unreadable";

}  // namespace xc::schema
