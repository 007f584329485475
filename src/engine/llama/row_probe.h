// Which steps of a few rows are still to be tried, so that the cost model knows what guesses cost
// before the first is made (engine/core/row_costs.h). Per number of threads. Engine thread only.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "engine/core/draft_governor.h"
#include "engine/core/row_costs.h"

namespace xc::engine::llama {

class RowProbe {
 public:
  static constexpr int kRowsMax = 1 + DraftGovernor::kDraftMax;
  static_assert(kRowsMax <= RowCosts::kRowsMax);

  struct Step {
    int rows = 1;
    bool counts = true;  // the first pages the weights in and says nothing
  };
  // nullopt: all was tried with so many threads.
  std::optional<Step> next(int threads) const {
    const auto found = done_.find(threads);
    const std::size_t at = found == done_.end() ? 0 : found->second;
    if (at == 0) return Step{1, false};
    if (at > kRounds * kRows.size()) return std::nullopt;
    return Step{kRows[(at - 1) % kRows.size()], true};
  }
  // It was computed, or cannot be.
  void tried(int threads) { ++done_[threads]; }

 private:
  static constexpr std::size_t kRounds = 2;
  static constexpr std::array<int, 9> kRows{1, 2, 3, 4, 5, 8, 9, 13, kRowsMax};
  std::map<int, std::size_t> done_;  // by threads: steps
};

}  // namespace xc::engine::llama
