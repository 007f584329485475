#include "fleet/pool_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "fleet/prefix_memory.h"

namespace xc::fleet {
namespace {

TEST(PoolChoice, EachPolicyByItsMeasure) {
  SeededRandom random(1);
  // outstanding, price, rank, prefix
  const std::vector<Candidate> three{{500, 1, 2, false}, {100, 3, 1, false}, {300, 2, 0, true}};
  EXPECT_EQ(choose(Policy::Price, three, 10, random), 0u);
  EXPECT_EQ(choose(Policy::Least, three, 10, random), 1u);
  EXPECT_EQ(choose(Policy::Order, three, 10, random), 2u);
  EXPECT_EQ(choose(Policy::Affinity, three, 10, random), 2u);
}

TEST(PoolChoice, TiesAreSpread) {
  SeededRandom random(2);
  const std::vector<Candidate> same(4);
  std::array<int, 4> hits{};
  for (int i = 0; i < 4'000; ++i) ++hits[choose(Policy::Least, same, 1, random)];
  for (const int hit : hits) EXPECT_NEAR(hit, 1'000, 150);
}

TEST(PoolChoice, AffinityEndsAtTheBound) {
  SeededRandom random(3);
  std::vector<Candidate> two{{0, 0, 0, true}, {0, 0, 0, false}};
  EXPECT_EQ(choose(Policy::Affinity, two, 100, random), 0u);  // idle: always
  two[0].outstanding = 1'000;
  EXPECT_EQ(choose(Policy::Affinity, two, 100, random), 1u);
  two[1].outstanding = 1'000;
  EXPECT_EQ(choose(Policy::Affinity, two, 100, random), 0u);
}

// A hot prefix, then random arrivals and ends: nobody is above the bound when it gets a request,
// whatever the seed.
TEST(PoolChoice, NoHotSpotWhateverTheSeed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    std::vector<Candidate> pool(1 + random.next() % 8);
    pool[0].has_prefix = true;
    for (int step = 0; step < 500; ++step) {
      const auto tokens = static_cast<std::int64_t>(1 + random.next() % 1'000);
      const std::size_t at = choose(Policy::Affinity, pool, tokens, random);
      std::int64_t sum = tokens;
      std::int64_t least = pool[0].outstanding;
      for (const Candidate& one : pool) {
        sum += one.outstanding;
        least = std::min(least, one.outstanding);
      }
      const double bound = kLoadBound * static_cast<double>(sum) / static_cast<double>(pool.size());
      const bool within = static_cast<double>(pool[at].outstanding + tokens) <= bound;
      ASSERT_TRUE(within || pool[at].outstanding == least) << "seed " << seed;
      pool[at].outstanding += tokens;
      Candidate& ends = pool[random.next() % pool.size()];
      ends.outstanding = ends.outstanding * static_cast<std::int64_t>(random.next() % 100) / 100;
    }
  }
}

TEST(PoolChoice, WeightsAreShares) {
  SeededRandom random(4);
  const std::vector<int> weights{95, 0, 5};
  std::array<int, 3> hits{};
  for (int i = 0; i < 10'000; ++i) ++hits[*choose_by_weight(weights, random)];
  EXPECT_EQ(hits[1], 0);
  EXPECT_NEAR(hits[2], 500, 120);
  EXPECT_FALSE(choose_by_weight(std::vector<int>{0, 0}, random));
}

TEST(PrefixMemory, TheLongestKnownPrefixAndTenantsApart) {
  const std::string system(2'048, 's');
  const std::string first = system + std::string(1'024, 'a');
  const std::string second = system + std::string(1'024, 'b');
  PrefixMemory memory;
  memory.note(prefixes_of("t", first), "one");
  EXPECT_EQ(memory.find(prefixes_of("t", first + "more")), "one");
  EXPECT_EQ(memory.find(prefixes_of("t", second)), "one");  // by the system prompt
  memory.note(prefixes_of("t", second), "two");
  EXPECT_EQ(memory.find(prefixes_of("t", first)), "one");
  EXPECT_EQ(memory.find(prefixes_of("t", second)), "two");
  EXPECT_EQ(memory.find(prefixes_of("other", first)), "");
  EXPECT_TRUE(prefixes_of("t", "short").empty());
}

}  // namespace
}  // namespace xc::fleet
