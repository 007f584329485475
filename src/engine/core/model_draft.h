// When to ask a smaller model for guesses of one sequence, and what came of them. The time of its
// guesses is in the governor's account, so the promise of DraftGovernor holds for them, beside that
// for guesses from the sequence's own past. The time in which it reads the sequence is not: that is
// the price of having one, a bounded part a step, and it stops reading where it does not pay.
//
// wanted(), then take() for whom it is not 0, then guesses(). Engine thread only.
#pragma once

#include "engine/core/draft_governor.h"
#include "engine/core/drafter.h"

namespace xc::engine {

class ModelDraft {
 public:
  // How many guesses to ask for behind a sequence of this length; 0 where they do not pay, and
  // where they were asked for before. step_ms: of a step with k guesses more, without the model.
  int wanted(const Drafter& drafter, std::size_t length, int max,
             const DraftGovernor::StepMs& step_ms);
  void take(std::size_t length, Drafter::Guess guess);
  // What it said behind this length, at most `max`.
  std::vector<Token> guesses(std::size_t length, int max) const;
  // The step is computed. drafted: 0 also where the guesses in it came from elsewhere.
  void observe(int drafted, int accepted, const DraftGovernor::StepMs& step_ms);

 private:
  DraftGovernor governor_;
  std::size_t asked_at_ = 0;  // length of the sequence when it was asked last
  Drafter::Guess guess_;      // then
};

}  // namespace xc::engine
