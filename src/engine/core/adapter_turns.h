// Whose step it is. A step computes lanes of one LoRA adapter only (adapters are a setting of the
// whole context), so adapters with work take turns: a ring, one step each. An adapter that gets
// work joins at the end, one that has none leaves.
//
// Thus between two steps of an adapter that always has work, every other one has at most one; and
// because a step decodes all lanes of its adapter, each stream gets one token a round, however the
// streams are spread over adapters. Engine thread only; knows no model.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

namespace xc::engine {

class AdapterTurns {
 public:
  // Whose step is next, of those that have work (0: the model alone); the order of newcomers is
  // theirs in `with_work`, which must name each once. Counts as its step. 0 when nobody has work.
  std::uint64_t next(const std::vector<std::uint64_t>& with_work);
  // Steps of a round.
  std::size_t round() const { return ring_.size(); }

 private:
  std::deque<std::uint64_t> ring_;  // the next first
};

}  // namespace xc::engine
