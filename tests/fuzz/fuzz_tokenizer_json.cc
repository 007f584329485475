// tokenizer.json: no text breaks the reader, and what it accepts makes a whole tokenizer.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "convert/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto parsed = xc::convert::parse_tokenizer_json({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto tokenizer = xc::convert::tokenizer_of(std::move(*parsed), 64, "gpt-2");
  if (tokenizer) {
    XC_ASSERT(tokenizer->tokens.size() == 64 && tokenizer->types.size() == 64);
    for (const auto& token : tokenizer->tokens) XC_ASSERT(!token.empty());
  }
  return 0;
}
