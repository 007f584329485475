// The parser of /v1/messages: no input breaks it, and what it takes the worker's parser takes too.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "schema/anthropic.h"
#include "schema/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto request = anthropic::parse_messages(json);
  const auto counted = anthropic::parse_count_tokens(json);
  XC_ASSERT(counted || !request);
  if (!counted) return 0;
  const auto again = parse_chat(render(*counted));
  // A schema stands one level deeper in OpenAI's form.
  XC_ASSERT(again || again.error().message == xc::Message::JsonTooDeep);
  XC_ASSERT(!again || render(*again) == render(*counted));
  return 0;
}
