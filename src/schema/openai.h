// OpenAI's JSON, both directions. Used by the gateway (server side), by the worker (server side)
// and by the fleet (client side of worker and remote endpoints): one schema, one place.
// Pure functions; thread-safe. Unknown fields are ignored as OpenAI does; `null` is as absent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::schema {

// --- requests: JSON → struct. Errors: InvalidRequest with `param` (BadJson with the byte,
// MissingField, WrongType, OutOfRange, BadValue, TooMany, BadImage, RemoteImage, JsonTooDeep). ---
Result<ChatRequest> parse_chat(std::string_view json);
Result<CompletionRequest> parse_completion(std::string_view json);
Result<EmbeddingRequest> parse_embedding(std::string_view json);
Result<RerankRequest> parse_rerank(std::string_view json);

struct TokenizeRequest {
  std::string model;
  std::string text;
  bool add_special = false;
  bool parse_special = true;
};
struct DetokenizeRequest {
  std::string model;
  std::vector<std::int32_t> tokens;
};
Result<TokenizeRequest> parse_tokenize(std::string_view json);  // {"model","content"|"prompt",…}
Result<DetokenizeRequest> parse_detokenize(std::string_view json);  // {"model","tokens"}

// --- requests: struct → JSON, for an endpoint. `stream` and include_usage are set as in the
// struct. Round trip: parse(render(x)) == x. ---
std::string render(const ChatRequest& request);
std::string render(const CompletionRequest& request);
std::string render(const EmbeddingRequest& request);
std::string render(const RerankRequest& request);
std::string render(const TokenizeRequest& request);
std::string render(const DetokenizeRequest& request);

// --- answers: struct → JSON ---
struct ReplyHead {
  std::string id;            // chatcmpl-… / cmpl-…
  std::string model;         // the name that the caller used
  std::int64_t created = 0;  // seconds since 1970
  std::string fingerprint;   // system_fingerprint: program version and model digest prefix
};

// Gathers deltas into whole choices (not streamed replies, Anthropic, Responses).
struct Choice {
  std::string content;
  std::string reasoning;
  std::vector<ToolCall> tool_calls;
  std::vector<LogprobEntry> logprobs;
  Finish finish = Finish::Stop;
  std::string stop_match;  // as in Delta; chunks carry it as vLLM's extra field "stop_reason"
};
class Collector {
 public:
  void add(const Delta& delta);
  const std::vector<Choice>& choices() const { return choices_; }
  const Usage& usage() const { return usage_; }

 private:
  std::vector<Choice> choices_;
  Usage usage_;
};

std::string render_chat_reply(const ReplyHead& head, const Collector& answer, bool logprobs);
// One `data:` payload (without "data: "). `first`: put role "assistant" in the delta.
std::string render_chat_chunk(const ReplyHead& head, const Delta& delta, bool first);
std::string render_completion_reply(const ReplyHead& head, const Collector& answer, bool logprobs);
// offsets: characters of the tokens that each choice has told before, for text_offset; counts on.
// Null: from 0 in each chunk.
using TextOffsets = std::vector<std::int64_t>;
std::string render_completion_chunk(const ReplyHead& head, const Delta& delta,
                                    TextOffsets* offsets = nullptr);

struct Embeddings {
  std::vector<std::vector<float>> vectors;
  std::int64_t prompt_tokens = 0;
};
std::string render_embeddings(std::string_view model, const Embeddings& answer, bool base64);
struct Ranking {
  std::vector<std::pair<std::size_t, float>> order;  // document index, relevance; best first
  std::int64_t prompt_tokens = 0;
};
std::string render_ranking(std::string_view model, const Ranking& answer,
                           const RerankRequest& request);
std::string render_tokens(const std::vector<std::int32_t>& tokens);  // {"tokens":[…]}
std::string render_text(std::string_view text);                      // {"content":"…"}

// --- answers: JSON → struct, from an endpoint ---
// One SSE data payload of a chat or completion stream. Error: what the payload's "error" says
// (identity kept when it comes from our worker), Upstream when it is no valid chunk.
Result<std::vector<Delta>> parse_chat_chunk(std::string_view json);
Result<std::vector<Delta>> parse_completion_chunk(std::string_view json);
Result<Embeddings> parse_embeddings(std::string_view json);
Result<Ranking> parse_ranking(std::string_view json);

// --- errors ---
// {"error":{"message","type","param","code"}}. With `identity` also "xingcha": {"code","message",
// "args"} so that the gateway can say it again in another language (worker → gateway only).
std::string render_error(const Error& error, Language language, bool identity = false);
// The error in an endpoint's body; Upstream with the text as detail when it has none of ours.
Error parse_error(int http_status, std::string_view json);

std::string_view name_of(Finish finish);  // "stop", "length", "tool_calls", "content_filter"

}  // namespace xc::schema
