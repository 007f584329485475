// A second, smaller model that guesses how a sequence goes on, where the sequence's own past
// (NgramDraft) has nothing to offer. Engine thread only.
#pragma once

#include <vector>

#include "engine/core/sequence_pool.h"

namespace xc::engine {

class Drafter {
 public:
  struct Guess {
    std::vector<Token> tokens;  // likely to follow
    double ms = 0;              // that they took, reading left out
  };

  virtual ~Drafter() = default;
  // Milliseconds of so many guesses.
  virtual double cost_ms(int count) const = 0;
  // At most `max` guesses behind `tokens`, the sequence of this number in the cache. What it has
  // not read of them it reads first, a bounded part at a call: no guesses while something is left.
  virtual Guess draft(int seq, const std::vector<Token>& tokens, int max) = 0;
};

}  // namespace xc::engine
