// A second, smaller model that guesses how sequences go on, where a sequence's own past
// (NgramDraft) has nothing to offer. Engine thread only.
#pragma once

#include <span>
#include <vector>

#include "engine/core/sequence_pool.h"

namespace xc::engine {

// Tokens that it reads in one call, of all sequences together. Decides its memory too.
inline constexpr int kDraftReadAtOnce = 64;

class Drafter {
 public:
  struct Ask {
    int seq = 0;  // its number in the cache
    const std::vector<Token>* tokens = nullptr;
    int max = 0;  // guesses
  };
  struct Guess {
    std::vector<Token> tokens;  // likely to follow
    double ms = 0;              // its part of the time that they took, reading left out
  };

  virtual ~Drafter() = default;
  // Milliseconds of so many guesses.
  virtual double cost_ms(int count) const = 0;
  // Guesses for each of these sequences, which differ. What it has not read of them it reads first,
  // a bounded part at a call: no guesses for a sequence of which something is left.
  virtual std::vector<Guess> draft(std::span<const Ask> asks) = 0;
};

}  // namespace xc::engine
