#include "engine/core/step_plan.h"

#include <algorithm>
#include <tuple>

namespace xc::engine {
namespace {

bool goes_before(const SequenceView* a, const SequenceView* b) {
  return std::tie(a->rank, a->arrival) < std::tie(b->rank, b->arrival);
}

// One token each, then drafts in the same order. Returns the tokens that are left.
int plan_decodes(const std::vector<SequenceView>& sequences, int tokens, bool prompts_wait,
                 std::vector<Slice>& slices) {
  std::vector<int> drafts;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left > 0 || s.parked || tokens == 0) continue;
    slices.push_back({s.seq, 1, false});
    drafts.push_back(std::max(s.draft, 0));
    --tokens;
  }
  int room = prompts_wait ? tokens / 2 : tokens;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const int draft = std::min(drafts[i], room);
    slices[i].tokens += draft;
    room -= draft;
    tokens -= draft;
  }
  return tokens;
}

// By rank. Behind a long first prompt, short ones go before it as far as they fit into half.
std::vector<const SequenceView*> prompts_in_order(const std::vector<SequenceView>& sequences,
                                                  int tokens, int short_prompt) {
  std::vector<const SequenceView*> prompts;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left > 0) prompts.push_back(&s);
  }
  std::sort(prompts.begin(), prompts.end(), &goes_before);
  if (prompts.empty() || prompts.front()->prompt_left <= short_prompt) return prompts;
  int room = tokens / 2;
  std::vector<const SequenceView*> first;
  std::vector<const SequenceView*> rest;
  for (const SequenceView* s : prompts) {
    const bool quick = s->prompt_left <= std::min(short_prompt, room);
    if (quick) room -= s->prompt_left;
    (quick ? first : rest).push_back(s);
  }
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

// Whole prompts by rank, as many as fit.
std::vector<Slice> plan_newcomers(const std::vector<SequenceView>& sequences, int tokens) {
  std::vector<const SequenceView*> newcomers;
  for (const SequenceView& s : sequences) {
    if (s.newcomer && s.prompt_left > 0) newcomers.push_back(&s);
  }
  std::sort(newcomers.begin(), newcomers.end(), &goes_before);
  std::vector<Slice> slices;
  for (const SequenceView* s : newcomers) {
    if (s->prompt_left > tokens) continue;
    slices.push_back({s->seq, s->prompt_left, true});
    tokens -= s->prompt_left;
  }
  return slices;
}

}  // namespace

std::vector<Slice> plan_step(const std::vector<SequenceView>& sequences, const StepBudget& budget) {
  std::vector<Slice> slices =
      plan_newcomers(sequences, std::min(budget.newcomers_alone, budget.tokens));
  if (!slices.empty()) return slices;
  const bool prompts_wait = std::any_of(sequences.begin(), sequences.end(),
                                        [](const SequenceView& s) { return s.prompt_left > 0; });
  int left = plan_decodes(sequences, budget.tokens, prompts_wait, slices);
  if (!slices.empty()) left = std::min(left, budget.prefill_beside_decode);
  int scored_left = budget.scored_rows;
  for (const SequenceView* s : prompts_in_order(sequences, left, budget.short_prompt)) {
    const int room = s->scored ? std::min(left, scored_left) : left;
    if (room <= 0) continue;
    const int tokens = std::min(room, s->prompt_left);
    slices.push_back({s->seq, tokens, true});
    left -= tokens;
    if (s->scored) scored_left -= tokens;
  }
  return slices;
}

}  // namespace xc::engine
