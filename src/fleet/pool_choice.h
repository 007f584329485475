// Which endpoint of a pool gets a request: policies over an explicit state. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/id.h"

namespace xc::fleet {

enum class Policy : std::uint8_t {
  Affinity,  // where the prompt's prefix was seen last, unless that one is loaded above the others
  Least,     // the fewest outstanding tokens
  Price,     // the cheapest, then the least loaded
  Order,     // the first in the operator's order, then the least loaded
};
std::string_view name_of(Policy policy);
std::optional<Policy> policy_of(std::string_view name);

// An endpoint that may be used.
struct Candidate {
  std::int64_t outstanding = 0;  // tokens that were asked for and did not come yet
  std::int64_t price = 0;        // any unit
  std::int64_t rank = 0;         // the operator's order
  bool has_prefix = false;       // it saw the longest known prefix of this prompt
};

// An index; candidates is not empty. `tokens`: what the request adds. Ties are broken by `random`,
// so that several gateways do not all take the first.
//
// Affinity is bounded (Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads,
// 2018): an endpoint above kLoadBound × the mean is passed over, and a prefix that nobody has goes
// to the least loaded, so that a popular or a cold prefix makes no hot spot.
std::size_t choose(Policy policy, std::span<const Candidate> candidates, std::int64_t tokens,
                   RandomSource& random);

// One of `weights` by its share; nothing when all are 0.
std::optional<std::size_t> choose_by_weight(std::span<const int> weights, RandomSource& random);

inline constexpr double kLoadBound = 1.25;

}  // namespace xc::fleet
