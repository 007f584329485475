#include "fleet/pool_choice.h"

#include <array>
#include <numeric>
#include <tuple>

#include "base/assert.h"

namespace xc::fleet {
namespace {

constexpr std::array<std::string_view, 4> kNames{"affinity", "least", "price", "order"};

// What is smaller is better.
using Score = std::tuple<std::int64_t, std::int64_t>;

Score score_of(Policy policy, const Candidate& candidate) {
  if (policy == Policy::Price) return {candidate.price, candidate.outstanding};
  if (policy == Policy::Order) return {candidate.rank, candidate.outstanding};
  return {candidate.outstanding, 0};
}

std::size_t best(Policy policy, std::span<const Candidate> candidates, RandomSource& random) {
  std::size_t found = 0;
  std::uint64_t equal = 1;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    const Score score = score_of(policy, candidates[i]);
    const Score before = score_of(policy, candidates[found]);
    if (score < before) {
      found = i;
      equal = 1;
    } else if (score == before && random.next() % ++equal == 0) {
      found = i;
    }
  }
  return found;
}

}  // namespace

std::string_view name_of(Policy policy) { return kNames[static_cast<std::size_t>(policy)]; }

std::optional<Policy> policy_of(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Policy>(i);
  }
  return std::nullopt;
}

std::size_t choose(Policy policy, std::span<const Candidate> candidates, std::int64_t tokens,
                   RandomSource& random) {
  XC_ASSERT(!candidates.empty());
  if (policy == Policy::Affinity) {
    double sum = static_cast<double>(tokens);
    for (const Candidate& candidate : candidates) sum += static_cast<double>(candidate.outstanding);
    const double most = kLoadBound * sum / static_cast<double>(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const bool idle = candidates[i].outstanding == 0;
      const double after = static_cast<double>(candidates[i].outstanding + tokens);
      if (candidates[i].has_prefix && (idle || after <= most)) return i;
    }
  }
  return best(policy, candidates, random);
}

std::optional<std::size_t> choose_by_weight(std::span<const int> weights, RandomSource& random) {
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  if (sum <= 0) return std::nullopt;
  auto left = static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(sum));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return std::nullopt;
}

}  // namespace xc::fleet
