#include "engine/core/step_plan.h"

#include <algorithm>
#include <tuple>

namespace xc::engine {
namespace {

bool goes_before(const SequenceView* a, const SequenceView* b) {
  return std::tie(a->rank, a->arrival) < std::tie(b->rank, b->arrival);
}

// One token each, then drafts in the same order. Returns the tokens that are left to prompts.
int plan_decodes(const std::vector<SequenceView>& sequences, const StepBudget& budget,
                 bool prompts_wait, std::vector<Slice>& slices) {
  int tokens = budget.tokens;
  std::vector<int> drafts;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left > 0 || s.parked || tokens == 0) continue;
    slices.push_back({s.seq, 1, false});
    drafts.push_back(std::max(s.draft, 0));
    --tokens;
  }
  if (slices.empty()) return tokens;
  const double prefill = std::min(tokens, budget.prefill_beside_decode);
  int room = tokens;
  if (prompts_wait) room = std::min(room, static_cast<int>(prefill / 2 / budget.draft_tokens));
  int drafted = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const int draft = std::min(drafts[i], room - drafted);
    slices[i].tokens += draft;
    drafted += draft;
  }
  return std::min(tokens - drafted, static_cast<int>(prefill - drafted * budget.draft_tokens));
}

struct Turn {
  const SequenceView* sequence;
  int tokens_max;
};

// By rank. Behind a long first prompt, short ones go before it. The last that fits may be cut:
// where a step has room for few tokens, none would ever fit whole.
std::vector<Turn> prompts_in_order(const std::vector<SequenceView>& sequences, int tokens,
                                   const StepBudget& budget) {
  std::vector<Turn> prompts;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left > 0) prompts.push_back({&s, s.prompt_left});
  }
  std::sort(prompts.begin(), prompts.end(),
            [](const Turn& a, const Turn& b) { return goes_before(a.sequence, b.sequence); });
  if (prompts.empty() || prompts.front().tokens_max <= budget.short_prompt) return prompts;
  int taken = 0;
  std::vector<Turn> first;
  std::vector<Turn> rest;
  for (const Turn& turn : prompts) {
    const bool worse = turn.sequence->priority > prompts.front().sequence->priority;
    const int room = (budget.shorts_led || worse ? tokens / 2 : tokens) - taken;
    const bool goes_first = turn.tokens_max <= budget.short_prompt && room > 0;
    if (goes_first) {
      first.push_back({turn.sequence, std::min(turn.tokens_max, room)});
      taken += first.back().tokens_max;
    } else {
      rest.push_back(turn);
    }
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
  int left = plan_decodes(sequences, budget, prompts_wait, slices);
  int scored_left = budget.scored_rows;
  std::vector<std::pair<std::size_t, int>> cut;  // slices that could be longer, and by how much
  for (const auto& [sequence, tokens_max] : prompts_in_order(sequences, left, budget)) {
    const int room = sequence->scored ? std::min(left, scored_left) : left;
    if (room <= 0) continue;
    const int tokens = std::min(room, tokens_max);
    const int missing = sequence->prompt_left - tokens;
    if (missing > 0 && !sequence->scored) cut.emplace_back(slices.size(), missing);
    slices.push_back({sequence->seq, tokens, true});
    left -= tokens;
    if (sequence->scored) scored_left -= tokens;
  }
  for (const auto& [at, missing] : cut) {  // what the others did not need
    const int more = std::min(left, missing);
    slices[at].tokens += more;
    left -= more;
  }
  return slices;
}

bool shorts_led(const std::vector<SequenceView>& sequences, const StepBudget& budget,
                const std::vector<Slice>& slices) {
  bool long_waits = false;
  int of_long = 0, of_short = 0;
  for (const SequenceView& s : sequences) {
    if (s.prompt_left == 0) continue;
    const auto slice = std::find_if(slices.begin(), slices.end(),
                                    [&s](const Slice& slice) { return slice.seq == s.seq; });
    const bool is_long = s.prompt_left > budget.short_prompt;
    long_waits = long_waits || is_long;
    if (slice != slices.end()) (is_long ? of_long : of_short) += slice->tokens;
  }
  // A step of decodes alone says nothing.
  if (of_long + of_short == 0) return long_waits && budget.shorts_led;
  return long_waits && of_long < of_short;
}

}  // namespace xc::engine
