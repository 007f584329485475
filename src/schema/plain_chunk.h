// The chunks that a stream consists of, read without a document.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "schema/chat.h"

namespace xc::schema {

// Chunks of chat with text, thoughts, a reason to finish and usage: what parse_chat_chunk would
// make of them. Nothing: the chunk holds more than that (calls, logprobs, an error, a field twice
// or of an odd kind), or is no valid chunk; a document tells. Pure; thread-safe.
std::optional<std::vector<Delta>> read_plain_chunk(std::string_view json);

}  // namespace xc::schema
