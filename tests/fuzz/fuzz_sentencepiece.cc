// A SentencePiece model file: no bytes break the reader, and what it accepts makes a tokenizer of
// exactly the asked size or an error.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "convert/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model =
      xc::convert::parse_sentencepiece({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!model) return 0;
  XC_ASSERT(!model->pieces.empty());
  const auto tokenizer = xc::convert::tokenizer_of(*model, 64);
  if (tokenizer) XC_ASSERT(tokenizer->tokens.size() == 64 && tokenizer->types.size() == 64);
  return 0;
}
