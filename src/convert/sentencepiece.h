// Reads a SentencePiece model file (tokenizer.model): a protocol buffer of which a handful of
// fields matter (sentencepiece_model.proto). Own reader: the format is ten lines, its library is
// not. Every length is checked against the bytes; unknown fields are skipped. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::convert {

// The numbers are the file's and GGUF's alike.
enum class PieceType : std::int32_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::Normal;
};

struct SentencePieceModel {
  std::vector<Piece> pieces;
  bool is_bpe = false;  // else unigram, word or char
  bool add_dummy_prefix = true, remove_extra_whitespaces = true;
  bool has_charsmap = false;  // a normaliser that changes characters
  std::int32_t unk = 0, bos = 1, eos = 2, pad = -1;
};

// Error: BadCheckpoint {name, reason with the byte}.
Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes, const std::string& name);

}  // namespace xc::convert
