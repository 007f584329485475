// Pieces of answers that several shapes share, appended as JSON text. Internal to schema/.
// Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"
#include "schema/json_text.h"
#include "schema/openai.h"

namespace xc::schema {

// "id", "object", "created", "model" and, when there is one, "system_fingerprint".
void write_head(JsonWriter& out, const ReplyHead& head, std::string_view object);
// {"id","type","function":{"name","arguments"}}
void append_tool_call(std::string& out, const ToolCall& call);
// {"prompt_tokens", "completion_tokens", "total_tokens", …_details}
// {"queue_ms","prefill_ms","decode_ms"}
void append_timings(std::string& out, const Timings& timings);
void append_usage(std::string& out, const Usage& usage);
// [0.5,-1.25], shortest texts that read back as the same floats.
void append_vector(std::string& out, const std::vector<float>& vector);
// {"prompt_tokens", "total_tokens"}: embeddings and rerank.
void append_prompt_usage(std::string& out, std::int64_t prompt_tokens);
// [{"token","logprob","bytes","top_logprobs"}], as the Responses API has it.
void append_logprob_entries(std::string& out, const std::vector<LogprobEntry>& entries);
// {"content": those entries,"refusal":null}
void append_logprobs(std::string& out, const std::vector<LogprobEntry>& entries);
// {"tokens","token_logprobs","top_logprobs","text_offset"} of /v1/completions. Offsets count
// characters from `offset`; returns where they end. A token that is no whole text is
// "bytes:\xe4\xbd". A logprob that is not a number (the first token of an echoed prompt) is null.
std::int64_t append_legacy_logprobs(std::string& out, const std::vector<LogprobEntry>& entries,
                                    std::int64_t offset = 0);

}  // namespace xc::schema
