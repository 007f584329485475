// Fields that several request shapes share, read the same way in each. Internal to schema/.
// Pure; thread-safe. Errors are InvalidRequest with `param`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/json_reader.h"

namespace xc::schema {

// "model": required and not empty.
Result<std::string> read_model(const JsonObject& body);
// temperature, top_p, top_k (-1 is taken as off), min_p, penalties, seed, logit_bias.
Status read_sampling(const JsonObject& body, Sampling& out);
// A string or an array of at most limits::kStopsMax strings of 1 – kStopBytesMax bytes.
Status read_stops(const JsonObject& body, std::string_view key, std::vector<std::string>& out);
// "stream" and "stream_options.include_usage", which means nothing without the former.
Status read_stream(const JsonObject& body, bool& stream, bool& include_usage);
// "speculation": "auto" or "off".
Status read_speculation(const JsonObject& body, Speculation& out);
// thinking_budget (DashScope), thinking_token_budget (vLLM), reasoning_budget_tokens and
// thinking_budget_tokens (llama-server); chat_template_kwargs.thinking_budget: 0 – kMaxTokensMax,
// -1 is none. 0 also switches thinking off. After every other field that speaks of thinking.
Status read_thinking_budget(const JsonObject& body, ChatRequest& out);
// {"type": "enabled" | "disabled" | …, "budget_tokens"} under "thinking", as Anthropic has it and
// DeepSeek, GLM and Doubao beside OpenAI's fields.
Status read_thinking_switch(const JsonObject& thinking, ChatRequest& out);
// "files": [{"name","content"}], "search_results": [{"title","url","date","content"}].
Status read_grounding(const JsonObject& body, ChatRequest& out);
// A token id array: integers from 0.
Result<std::vector<std::int32_t>> read_tokens(const JsonArray& array);
// A string, an array of strings, an array of token ids, or an array of those arrays.
// PromptEmpty when there is none or a token array is empty.
Result<std::vector<Prompt>> read_prompts(const JsonField& field, std::size_t prompts_max);

}  // namespace xc::schema
