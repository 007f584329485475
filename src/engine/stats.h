// What an engine tells of itself: counters, and its live tree and queues. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/priority.h"

namespace xc::engine {

// Counters since start and gauges now.
struct Stats {
  std::uint64_t requests_total = 0, requests_failed = 0, requests_cancelled = 0;
  std::uint64_t prompt_tokens_asked = 0;     // in prompts
  std::uint64_t prompt_tokens_computed = 0;  // of them really computed
  std::uint64_t tokens_generated = 0;
  std::uint64_t steps = 0;
  std::uint64_t preemptions = 0;  // requests that had to give way
  int queued = 0, running = 0;
  int cells_used = 0, cells = 0;
  double step_ms_mean = 0;  // moving average
  // Prompt tokens that were not computed, by where they came from.
  std::uint64_t cached_live_tokens = 0, cached_ram_tokens = 0, cached_disk_tokens = 0;
  // Sequences of preempted requests whose KV went to RAM, and came back from RAM or from disk.
  std::uint64_t swaps_out = 0, swaps_in_ram = 0, swaps_in_disk = 0;
  std::uint64_t swap_out_bytes = 0, swap_in_bytes = 0;
  std::uint64_t drafted_tokens = 0, accepted_tokens = 0;
  std::uint64_t model_drafted_tokens = 0;  // of the drafted: by the smaller model
  std::array<int, kClasses> queued_by_class{};
  std::array<double, kClasses> wait_ms_mean_by_class{};  // moving averages
  std::uint64_t chunk_ram_bytes = 0, chunk_disk_bytes = 0;
  std::uint64_t chunk_rejected = 0;  // corrupt or foreign files, ignored
  int adapters_loaded = 0;
  std::uint64_t adapter_bytes = 0;     // of them
  std::uint64_t adapter_switches = 0;  // steps that began with another adapter than the last
};

// The live tree and queues, for an operator's eyes. Tenants as hashes: who sees this need not know
// who the others are.
struct EngineView {
  struct Sequence {
    int seq = 0;
    std::string state;     // "prefill", "decode", "retained", "swapped"
    int tokens = 0;        // that it holds
    int shared = 0;        // of them shared with another sequence
    int shared_with = -1;  // the sequence it took them from; -1: none
    std::string tenant_hash;
  };
  struct Waiting {
    std::string request_id;
    int priority = 1;
    int tokens = 0;  // of its prompt
    double waited_ms = 0;
    std::string tenant_hash;
  };
  std::vector<Sequence> sequences;
  std::vector<Waiting> queue;  // in the order in which they would be served
};

}  // namespace xc::engine
