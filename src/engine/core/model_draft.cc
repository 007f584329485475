#include "engine/core/model_draft.h"

#include <algorithm>

namespace xc::engine {

int ModelDraft::wanted(const Drafter& drafter, std::size_t length, int max,
                       const DraftGovernor::StepMs& step_ms) {
  if (asked_at_ == length) return 0;
  const auto with_model = [&](int k) { return step_ms(k) + (k > 0 ? drafter.cost_ms(k) : 0); };
  return std::max(governor_.choose(max, with_model), 0);
}

void ModelDraft::take(std::size_t length, Drafter::Guess guess) {
  asked_at_ = length;
  guess_ = std::move(guess);
}

std::vector<Token> ModelDraft::guesses(std::size_t length, int max) const {
  if (asked_at_ != length) return {};
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
