// The parser of /v1/chat/completions: no input breaks it, and what it takes can be said again.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "schema/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const auto request = parse_chat({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const auto again = parse_chat(render(*request));
  // What stood at the depth limit may stand one deeper in today's form of a legacy field.
  XC_ASSERT(again || again.error().message == xc::Message::JsonTooDeep);
  XC_ASSERT(!again || render(*again) == render(*request));
  return 0;
}
