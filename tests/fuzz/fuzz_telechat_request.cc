// The parser of /telechat/gptDialog: no input breaks it, what it refuses has one of its four codes,
// and what it takes the worker's parser takes too.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "schema/openai.h"
#include "schema/telechat.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  auto request = telechat::parse_dialog(json);
  if (!request) {
    const std::string code(telechat::code_of(request.error()));
    XC_ASSERT(code == "10301" || code == "10904" || code == "10305" || code == "10903");
    return 0;
  }
  XC_ASSERT(request->messages.size() % 2 == 1);
  request->model = "m";
  const auto again = parse_chat(render(*request));
  XC_ASSERT(again && render(*again) == render(*request));
  return 0;
}
