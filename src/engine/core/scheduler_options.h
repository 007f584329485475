// What a scheduler is told, and what it counts. Plain data.
#pragma once

#include <array>
#include <cstdint>

#include "engine/core/fair_queue.h"

namespace xc::engine {

// Tokens of a prompt from which on a state of it is worth keeping.
inline constexpr int kCheckpointMin = 64;

struct SchedulerOptions {
  int sequences = 64;
  int cells = 8192;
  bool can_share = true;       // see SequencePool
  int step_tokens = 512;       // rows of one step at most
  int draft_rows_max = 32;     // guesses in one step at most
  int score_rows_max = 32;     // tokens of prompts that are scored, in one step at most
  double target_tbt_ms = 250;  // time between two tokens that prefill beside decodes may cost
  // The same where a request of this class decodes; the least of those who do counts. 0: as above.
  std::array<double, kClasses> class_tbt_ms{};
  FairQueueOptions queue;
};

struct SchedulerCounters {
  std::uint64_t requests = 0, refused = 0, cancelled = 0, expired = 0;
  std::uint64_t prompt_asked = 0;     // tokens in prompts
  std::uint64_t prompt_computed = 0;  // of them computed, again after a preemption included
  std::uint64_t cached_live = 0, cached_shelf = 0, cached_disk = 0;
  std::uint64_t preemptions = 0, resumed = 0;  // requests that gave way; choices that came back
  // Of those choices' cells, what really moved: out to RAM (from where the chunk store may write it
  // on), and back from RAM or, wholly or in part, from disk. Less when the cache still had it.
  std::uint64_t swaps_out = 0, swaps_in_ram = 0, swaps_in_disk = 0;
  std::uint64_t swap_out_bytes = 0, swap_in_bytes = 0;
  std::uint64_t held_for_prefix = 0;  // requests that waited for another's shared prompt
  std::uint64_t drafted = 0, accepted = 0, drafted_by_model = 0;
  std::array<double, kClasses> wait_ms_mean{};  // from arrival to a place in the cache
};

}  // namespace xc::engine
