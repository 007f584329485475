// The chunks that a stream consists of, read without a document.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::schema {

// Chunks of chat with text, thoughts, a reason to finish and usage: what parse_chat_chunk would
// make of them. Nothing: the chunk holds more than that (calls, logprobs, an error, a field twice
// or of an odd kind), or is no valid chunk; a document tells. Pure; thread-safe.
std::optional<std::vector<Delta>> read_plain_chunk(std::string_view json);
// The same behind what is in `out`; false for nothing, and `out` is as it was.
bool append_plain_chunk(std::string_view json, std::vector<Delta>& out);
// As schema::parse_chat_chunk and parse_completion_chunk (openai.h); the deltas go behind those in
// `out`, which stays as it was when there is an error.
Status append_chat_chunk(std::string_view json, std::vector<Delta>& out);
Status append_completion_chunk(std::string_view json, std::vector<Delta>& out);

}  // namespace xc::schema
