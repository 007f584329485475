// A smaller model with the same vocabulary, which guesses how sequences of the large one go on
// (speculative decoding: Leviathan et al. 2023), all of them a token further with each of its
// steps. Has a KV cache of its own; what it has read of a sequence stays until the sequence's
// number begins otherwise. Engine thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/drafter.h"
#include "engine/llama/model.h"

namespace xc::engine::llama {

class DraftModel final : public Drafter {
 public:
  static constexpr double kSure = 0.5;  // less likely tokens are not guessed

  // large: LoadOptions::draft_path names the file. Error: ModelFailed with what the loader said, or
  // in what the vocabularies differ.
  static Result<std::unique_ptr<DraftModel>> open(const Model& large,
                                                  const BackendReport& backends);

  // Of its steps from now on.
  void use_threads(int threads);

  double cost_ms(int count) const override { return token_ms_ * count; }
  std::vector<Guess> draft(std::span<const Ask> asks) override;

 private:
  // A sequence that is read: the logits of its last token are in this row.
  struct Reader {
    const Ask* ask;
    Guess* guess;
    int row;
  };
  struct Best {
    Token token;
    double probability;
  };
  DraftModel(std::unique_ptr<Model> model, ContextPtr context);
  std::vector<Token>& known(int seq) { return known_[static_cast<std::size_t>(seq)]; }
  std::vector<Reader> read(std::span<const Ask> asks, std::vector<Guess>& guesses);
  std::size_t keep_beginning(const Ask& ask);
  bool guess_next(Reader& reader);
  bool decode();
  void forget(int seq);
  void make_room(std::span<const Ask> asks);
  Best best(int row) const;

  std::unique_ptr<Model> model_;
  ContextPtr context_;
  Batch batch_;
  std::vector<std::vector<Token>> known_;  // by sequence: what the cache holds
  double token_ms_ = 0;                    // of a guess of one sequence, a moving average
};

}  // namespace xc::engine::llama
