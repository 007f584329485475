// The parser of /v1/rerank: no input breaks it, and what it takes can be said again.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "schema/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const auto request = parse_rerank({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const auto again = parse_rerank(render(*request));
  XC_ASSERT(again && render(*again) == render(*request));
  return 0;
}
