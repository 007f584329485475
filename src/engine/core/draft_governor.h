// How many tokens to draft for one sequence in the next step; 0: do not speculate. Weighs the
// rolling acceptance against what 1 + k rows cost in this batch on this machine. One per sequence;
// pure and deterministic. Engine thread only.
//
// Promise: with true costs, n tokens take at most n + kLossShare · (n + kOpening) plain steps, so
// tokens per ms stay at 0.97 of plain decode or better from 80 tokens on, whatever is accepted. It
// holds by book-keeping: a draft is tried only when the account can bear that all of it is refused.
#pragma once

#include <functional>

namespace xc::engine {

class DraftGovernor {
 public:
  static constexpr int kDraftMax = 16;         // quoting goes on for longer than a few tokens
  static constexpr double kLossShare = 0.025;  // of plain decoding time that trying may cost
  static constexpr double kOpening = 16;       // plain steps' worth of trust at the start
  static constexpr double kMemory = 256;       // tokens over which gains and losses fade
  static constexpr double kSavedMax = 4;       // plain steps: old gains pay for no more than these
  static constexpr double kGainMin = 1.03;  // expected speed below which drafting is not worth it
  static constexpr int kProbeFirst = 8;     // steps between probes, doubled after each failure
  static constexpr int kProbeLast = 256;
  static constexpr int kProbeLength = 4;  // draft tokens of a probe at most

  // Milliseconds of the next step when this sequence has 1 + k rows in it; step_ms(0) > 0.
  using StepMs = std::function<double(int k)>;

  explicit DraftGovernor(int draft_max = kDraftMax);

  // The draft length that promises most tokens per ms, within 0 … min(available, draft_max).
  // available: what the drafter has to offer (0 costs nothing and is not counted as a try).
  int choose(int available, const StepMs& step_ms);
  // What became of the step: `drafted` tokens of which the first `accepted` were right. Call for
  // plain steps too (0, 0): they earn the time for the next probe.
  void observe(int drafted, int accepted, const StepMs& step_ms);

  // Guesses took so many plain steps' time besides the rows that test them.
  void charge(double steps) { balance_ -= steps; }

  double acceptance() const { return right_ / tried_; }

 private:
  int best_length(double acceptance, int max, const StepMs& step_ms) const;
  bool can_bear(int drafted, const StepMs& step_ms) const;
  void learn(int drafted, int accepted);

  int draft_max_;
  double right_ = 1;  // fading counts of draft tokens that were right, and that were tested
  double tried_ = 2;
  double balance_ = 0;        // plain steps saved (+) or lost (−)
  double earned_ = kOpening;  // plain steps' worth of tokens, fading
  int probe_interval_ = kProbeFirst;
  int since_draft_ = kProbeFirst;  // steps; the first may probe
};

}  // namespace xc::engine
