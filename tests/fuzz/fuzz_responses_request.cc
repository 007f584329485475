// The parser of /v1/responses: no input breaks it, what it takes the worker's parser takes too, and
// what it echoes is JSON.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "schema/json_text.h"
#include "schema/openai.h"
#include "schema/responses.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const auto request = responses::parse({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const auto again = parse_chat(render(request->chat));
  // A schema stands one level deeper in OpenAI's form.
  XC_ASSERT(again || again.error().message == xc::Message::JsonTooDeep);
  XC_ASSERT(!again || render(*again) == render(request->chat));
  std::string echo;
  append_raw(echo, request->echo_json, "");
  XC_ASSERT(echo == request->echo_json);
  return 0;
}
