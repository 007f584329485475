#include "engine/core/model_draft.h"

#include <algorithm>

namespace xc::engine {

std::vector<Token> ModelDraft::draft(Drafter& drafter, int seq, const std::vector<Token>& tokens,
                                     int max, const DraftGovernor::StepMs& step_ms) {
  if (asked_at_ != tokens.size()) {
    const auto with_model = [&](int k) { return step_ms(k) + (k > 0 ? drafter.cost_ms(k) : 0); };
    const int wanted = governor_.choose(max, with_model);
    if (wanted <= 0) return {};
    asked_at_ = tokens.size();
    guess_ = drafter.draft(seq, tokens, wanted);
  }
  std::vector<Token> guesses = guess_.tokens;
  guesses.resize(std::min(guesses.size(), static_cast<std::size_t>(std::max(max, 0))));
  return guesses;
}

void ModelDraft::observe(int drafted, int accepted, const DraftGovernor::StepMs& step_ms) {
  governor_.observe(drafted, accepted, step_ms);
  const double plain_ms = step_ms(0);
  if (plain_ms > 0) governor_.charge(guess_.ms / plain_ms);
  guess_ = {};
}

}  // namespace xc::engine
