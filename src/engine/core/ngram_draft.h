// Guesses how a sequence goes on from its own past: the longest earlier occurrence of its last
// tokens, and what followed there. Good where answers quote (retrieval, code edits, JSON). One per
// sequence; pure. Engine thread only.
//
// Cost: O(1) amortised a token, at most 2 · kCandidates · kMatchMax comparisons a draft. Memory: at
// most 40 bytes a token for the last tokens_max tokens; when they are full, the older half is
// forgotten.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/core/sequence_pool.h"

namespace xc::engine {

class NgramDraft {
 public:
  static constexpr int kMatchMin = 2;
  static constexpr int kMatchMax = 32;   // longer matches are not told apart
  static constexpr int kCandidates = 8;  // earlier places looked at, the latest first

  explicit NgramDraft(int tokens_max = 32768);

  // The sequence grew. kMediaToken matches nothing and is never drafted.
  void append(Token token);
  void append(const std::vector<Token>& tokens);

  // At most `max` tokens that may follow, and at most twice the length of the match; empty when
  // the last two tokens did not occur before. Repetitions are followed beyond the end.
  std::vector<Token> draft(int max) const;

  int size() const { return static_cast<int>(tokens_.size()); }

 private:
  // The latest place of each n-gram, and from each place the one before it. Places are indices of
  // an n-gram's last token; grams that share a bucket share a chain: matches are re-checked.
  struct Index {
    int gram = 0;
    std::vector<std::int32_t> latest;  // by bucket; -1: none
    std::vector<std::int32_t> before;  // by place; -1: none
  };
  void add_to(Index& index, std::int32_t place);
  std::size_t bucket(const Index& index, std::int32_t place) const;
  int match_length(std::int32_t place) const;
  void forget_half();
  void rebuild();

  std::size_t tokens_max_;
  std::vector<Token> tokens_;
  std::array<Index, 2> indexes_;  // of 4-grams, asked first, and of 2-grams
};

}  // namespace xc::engine
