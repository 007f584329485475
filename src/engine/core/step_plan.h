// What one step of the engine computes. A pure function of an explicit state: the scheduler's seam.
// Decodes come first (one token each), then prompts fill the rest of the step's token budget in
// order of arrival.
#pragma once

#include <cstdint>
#include <vector>

namespace xc::engine {

struct SequenceView {
  int seq = 0;
  std::uint64_t arrival = 0;  // order of admission
  int prompt_left = 0;        // prompt tokens not yet computed; 0: decoding
  bool parked = false;        // its reader lags: do not decode
};

struct StepBudget {
  int tokens = 2048;                // at most in one step
  int prefill_beside_decode = 512;  // prompt tokens at most while somebody decodes
};

struct Slice {
  int seq = 0;
  int tokens = 0;
  bool prefill = false;
};

// Slices in the order they enter the batch; empty when there is nothing to do.
std::vector<Slice> plan_step(const std::vector<SequenceView>& sequences, const StepBudget& budget);

}  // namespace xc::engine
