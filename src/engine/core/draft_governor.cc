#include "engine/core/draft_governor.h"

#include <algorithm>

namespace xc::engine {
namespace {

constexpr double kFade = 0.93;      // of the evidence, with each draft: the last fourteen count
constexpr double kStaleTested = 4;  // evidence from before a pause counts as this much at most
constexpr double kHope = 0.8;       // acceptance that a probe looks for

}  // namespace

DraftGovernor::DraftGovernor(int draft_max) : draft_max_(draft_max) {}

// The expected tokens of a step with k drafted are 1 + p + p² + … + p^k.
int DraftGovernor::best_length(double acceptance, int max, const StepMs& step_ms) const {
  const double plain_ms = step_ms(0);
  double best_gain = kGainMin;
  int best = 0;
  double tokens = 1;
  double all_right = 1;
  for (int k = 1; k <= max; ++k) {
    all_right *= acceptance;
    tokens += all_right;
    const double gain = tokens * plain_ms / step_ms(k);
    if (gain >= best_gain) {
      best_gain = gain;
      best = k;
    }
  }
  return best;
}

bool DraftGovernor::can_bear(int drafted, const StepMs& step_ms) const {
  const double loss = step_ms(drafted) / step_ms(0) - 1;
  return balance_ - loss >= -kLossShare * earned_;
}

int DraftGovernor::choose(int available, const StepMs& step_ms) {
  const int max = std::min(available, draft_max_);
  if (max <= 0 || !(step_ms(0) > 0)) return 0;
  int length = best_length(acceptance(), max, step_ms);
  if (length == 0 && since_draft_ >= probe_interval_) {
    length = best_length(kHope, std::min(max, kProbeLength), step_ms);
  }
  while (length > 0 && !can_bear(length, step_ms)) --length;
  return length;
}

void DraftGovernor::observe(int drafted, int accepted, const StepMs& step_ms) {
  if (!(step_ms(0) > 0)) return;
  drafted = std::max(drafted, 0);
  accepted = std::clamp(accepted, 0, drafted);
  const double tokens = 1 + accepted;
  const double fade = std::max(0.0, 1 - tokens / kMemory);
  earned_ = earned_ * fade + tokens;
  balance_ = balance_ * fade + tokens - step_ms(drafted) / step_ms(0);
  balance_ = std::min(balance_, kSavedMax);
  if (drafted == 0) {
    since_draft_ = std::min(since_draft_ + 1, kProbeLast);
    return;
  }
  learn(drafted, accepted);
  since_draft_ = 0;
  if (best_length(acceptance(), draft_max_, step_ms) > 0) {
    probe_interval_ = kProbeFirst;
  } else if (2 * accepted >= drafted) {  // promising: look again at once
    probe_interval_ = kProbeFirst;
    since_draft_ = kProbeFirst;
  } else {
    probe_interval_ = std::min(2 * probe_interval_, kProbeLast);
  }
}

void DraftGovernor::learn(int drafted, int accepted) {
  const double stale = since_draft_ >= kProbeFirst ? std::min(1.0, kStaleTested / tried_) : 1;
  // The token after the last right one was tested too, and was wrong; those behind it were not.
  const int tested = accepted + (accepted < drafted ? 1 : 0);
  right_ = right_ * stale * kFade + accepted;
  tried_ = tried_ * stale * kFade + tested;
}

}  // namespace xc::engine
