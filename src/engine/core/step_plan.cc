#include "engine/core/step_plan.h"

#include <algorithm>

namespace xc::engine {

std::vector<Slice> plan_step(const std::vector<SequenceView>& sequences, const StepBudget& budget) {
  std::vector<Slice> slices;
  int left = budget.tokens;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left == 0 && !s.parked && left > 0) {
      slices.push_back({s.seq, 1, false});
      --left;
    }
  }
  if (!slices.empty()) left = std::min(left, budget.prefill_beside_decode);

  std::vector<const SequenceView*> prompts;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left > 0) prompts.push_back(&s);
  }
  std::sort(prompts.begin(), prompts.end(),
            [](const SequenceView* a, const SequenceView* b) { return a->arrival < b->arrival; });
  for (const SequenceView* s : prompts) {
    if (left == 0) break;
    const int tokens = std::min(left, s->prompt_left);
    slices.push_back({s->seq, tokens, true});
    left -= tokens;
  }
  return slices;
}

}  // namespace xc::engine
