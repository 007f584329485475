// A smaller model with the same vocabulary, which guesses how sequences of the large one go on
// (speculative decoding: Leviathan et al. 2023). Has a KV cache of its own; what it has read of a
// sequence stays until the sequence's number begins otherwise. Engine thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/drafter.h"
#include "engine/llama/model.h"

namespace xc::engine::llama {

class DraftModel final : public Drafter {
 public:
  static constexpr int kReadAtOnce = 64;  // tokens of a sequence, in one call of draft()
  static constexpr double kSure = 0.5;    // less likely tokens are not guessed

  // large: LoadOptions::draft_path names the file. Error: ModelFailed with what the loader said, or
  // in what the vocabularies differ.
  static Result<std::unique_ptr<DraftModel>> open(const Model& large,
                                                  const BackendReport& backends);

  // Of its steps from now on.
  void use_threads(int threads);

  double cost_ms(int count) const override { return token_ms_ * count; }
  Guess draft(int seq, const std::vector<Token>& tokens, int max) override;

 private:
  DraftModel(std::unique_ptr<Model> model, ContextPtr context);
  bool read(int seq, const std::vector<Token>& tokens);
  bool decode();
  void forget(int seq);
  void make_room(int for_seq);
  struct Best {
    Token token;
    double probability;
  };
  Best best() const;

  std::unique_ptr<Model> model_;
  ContextPtr context_;
  Batch batch_;
  std::vector<std::vector<Token>> known_;  // by sequence: what the cache holds
  double token_ms_ = 0;                    // of one guess, a moving average
};

}  // namespace xc::engine::llama
