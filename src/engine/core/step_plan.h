// What one step of the engine computes. A pure function of an explicit state: the scheduler's seam.
// Every sequence that decodes gets its token first, then drafts, then prompts fill the rest of the
// step's token budget by rank. Short prompts go before a long one of better rank, with all of a
// step (half, when their class is worse); of the step after it they leave half. Newcomers may have
// a step of their own before all that.
#pragma once

#include <cstdint>
#include <vector>

namespace xc::engine {

struct SequenceView {
  int seq = 0;
  std::uint64_t arrival = 0;  // order of admission
  int prompt_left = 0;        // prompt tokens not yet computed; 0: decoding
  bool parked = false;        // its reader lags: do not decode
  int draft = 0;              // decoding: guessed tokens it would like to have checked
  std::uint64_t rank = 0;     // prompts: lower goes first (FairQueue::before); then arrival
  bool scored = false;        // a prompt whose every token gives a row of logits
  bool newcomer = false;      // a short prompt of a tenant with less than its share
  int priority = 1;           // the class: lower goes first
};

struct StepBudget {
  int tokens = 2048;                // at most in one step
  int prefill_beside_decode = 512;  // prompt tokens at most while somebody decodes, without drafts
  int short_prompt = 128;           // prompts with at most this much left may go first
  int scored_rows = 32;             // tokens of prompts that are scored, at most
  bool shorts_led = false;          // whether they did in the last step, as shorts_led() says
  // Of newcomers' prompts that fit whole into so many tokens the step is made, and of nothing else.
  int newcomers_alone = 0;
  double draft_tokens = 1;  // prompt tokens that a draft takes the place of
};

struct Slice {
  int seq = 0;
  int tokens = 0;  // decoding: 1 + the draft tokens admitted, which may be fewer than asked
  bool prefill = false;
};

// Slices in the order they enter the batch, at most one a sequence; empty when there is nothing to
// do. Drafts never displace a decode, and take at most half of what is left to prompts that wait.
std::vector<Slice> plan_step(const std::vector<SequenceView>& sequences, const StepBudget& budget);

// Whether a long prompt waits that gets less than half of the step's prompt tokens.
bool shorts_led(const std::vector<SequenceView>& sequences, const StepBudget& budget,
                const std::vector<Slice>& slices);

}  // namespace xc::engine
