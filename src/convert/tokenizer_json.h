// Reads tokenizer.json of the `tokenizers` library where it is byte-level BPE: vocabulary, merges,
// added tokens, and which of the known splitting rules it uses. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::convert {

struct AddedToken {
  std::uint32_t id = 0;
  std::string text;
  bool special = false;
};

struct TokenizerJson {
  std::vector<std::string> tokens;  // by id; empty where the file names none
  std::vector<std::string> merges;  // "left right"
  std::vector<AddedToken> added;
  std::string pre;  // llama.cpp's name of the splitting rule; empty: not one that we know
  bool adds_bos = false;
};

// Error: BadCheckpoint {"tokenizer.json", reason}.
Result<TokenizerJson> parse_tokenizer_json(std::string_view text);

}  // namespace xc::convert
