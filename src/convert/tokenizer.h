// The tokenizer of a model folder as a GGUF file says it. Pure but for reading the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/hf_config.h"
#include "convert/plan.h"
#include "convert/sentencepiece.h"
#include "convert/tokenizer_json.h"

namespace xc::convert {

struct Tokenizer {
  std::string model, pre;  // "llama" (SentencePiece BPE) or "gpt2" (byte-level BPE)
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;
  std::optional<std::uint32_t> bos, eos, unk, pad;
  bool add_bos = false, add_space_prefix = false;
  std::string chat_template;
};

// `pre` chooses the splitting rule when tokenizer.json's is not known; empty: it must be.
// Errors: BadCheckpoint {file, reason}, UnknownModel.
Result<Tokenizer> read_tokenizer(const Checkpoint& checkpoint, const HfConfig& config,
                                 const std::string& pre);

// The two kinds by themselves, for tests: exactly `vocabulary` tokens, padded with unused ones.
Result<Tokenizer> tokenizer_of(const SentencePieceModel& model, std::uint32_t vocabulary);
Result<Tokenizer> tokenizer_of(TokenizerJson&& file, std::uint32_t vocabulary,
                               const std::string& pre);

void add_tokenizer(const Tokenizer& tokenizer, Metadata& metadata);

}  // namespace xc::convert
