// When to ask a smaller model for guesses of one sequence, and what came of them. The time of its
// guesses is in the governor's account, so the promise of DraftGovernor holds for them, beside that
// for guesses from the sequence's own past. The time in which it reads the sequence is not: that is
// the price of having one, a bounded part a step, and it stops reading where it does not pay.
// Engine thread only.
#pragma once

#include "engine/core/draft_governor.h"
#include "engine/core/drafter.h"

namespace xc::engine {

class ModelDraft {
 public:
  // At most `max` guesses; empty where they do not pay. Computes once for a length of the sequence,
  // however often it is asked. step_ms: of a step with k guesses more, without the smaller model.
  std::vector<Token> draft(Drafter& drafter, int seq, const std::vector<Token>& tokens, int max,
                           const DraftGovernor::StepMs& step_ms);
  // The step is computed. drafted: 0 also where the guesses in it came from elsewhere.
  void observe(int drafted, int accepted, const DraftGovernor::StepMs& step_ms);

 private:
  DraftGovernor governor_;
  std::size_t asked_at_ = 0;  // tokens of the sequence when it was asked last
  Drafter::Guess guess_;      // then
};

}  // namespace xc::engine
