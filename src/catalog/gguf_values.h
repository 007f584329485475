// The key-value section of a GGUF header as parsed: what gguf.cc reads and gguf_facts.cc turns
// into facts. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/gguf.h"

namespace xc::catalog {

enum class GgufType : std::uint32_t {  // numbered as in the file
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64,
};
// "u32", "string" …; empty when there is no such type.
std::string_view name_of(GgufType type);

struct GgufValue {
  GgufType type = GgufType::U8;
  GgufType item_type = GgufType::U8;  // Array
  std::uint64_t count = 0;            // Array: items
  std::uint64_t integer = 0;          // integers and Bool, sign-extended
  double real = 0;                    // floats
  std::string text;                   // String
  std::vector<std::uint64_t> items;   // integer arrays of at most kItemsKept
};
inline constexpr std::uint64_t kItemsKept = 4'096;  // per-layer lists; vocabularies are not kept

struct GgufValues {
  std::map<std::string, GgufValue, std::less<>> by_key;
  // Seen among tokenizer.ggml.tokens: fill-in-the-middle markers under any of their names.
  bool fim_prefix = false, fim_suffix = false, fim_middle = false;
};

// Notes `token` when it is one of the names under which vocabularies keep infill markers.
void note_token(GgufValues& values, std::string_view token);

GgufFacts facts_of(const GgufValues& values, const std::vector<GgufTensor>& tensors,
                   std::uint64_t file_bytes);
// Scalars and short strings as text, arrays as "[count × type]". Always valid UTF-8.
std::map<std::string, std::string> describe(const GgufValues& values);

}  // namespace xc::catalog
