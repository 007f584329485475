#include "engine/core/adapter_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace xc::engine {
namespace {

std::vector<std::uint64_t> turns(AdapterTurns& ring, const std::vector<std::uint64_t>& work,
                                 int count) {
  std::vector<std::uint64_t> out;
  for (int i = 0; i < count; ++i) out.push_back(ring.next(work));
  return out;
}

TEST(AdapterTurns, one_after_the_other) {
  AdapterTurns ring;
  EXPECT_EQ(ring.next({}), 0u);
  EXPECT_EQ(ring.round(), 0u);
  EXPECT_EQ(turns(ring, {7}, 3), (std::vector<std::uint64_t>{7, 7, 7}));
  EXPECT_EQ(turns(ring, {0, 7, 3}, 6), (std::vector<std::uint64_t>{7, 0, 3, 7, 0, 3}));
  EXPECT_EQ(ring.round(), 3u);
}

TEST(AdapterTurns, a_newcomer_joins_at_the_end_and_who_has_no_work_leaves) {
  AdapterTurns ring;
  EXPECT_EQ(turns(ring, {1, 2}, 1), (std::vector<std::uint64_t>{1}));
  // 9 is new: 2 has waited longer, and 1 is before it too.
  EXPECT_EQ(turns(ring, {9, 1, 2}, 3), (std::vector<std::uint64_t>{2, 1, 9}));
  EXPECT_EQ(turns(ring, {1, 9}, 2), (std::vector<std::uint64_t>{1, 9}));
  EXPECT_EQ(ring.round(), 2u);
  // Back again, but not before those who waited.
  EXPECT_EQ(turns(ring, {2, 1, 9}, 3), (std::vector<std::uint64_t>{1, 9, 2}));
}

TEST(AdapterTurns, nobody_starves_behind_those_that_come_and_go) {
  AdapterTurns ring;
  int waited = 0;
  for (std::uint64_t step = 0; step < 1000; ++step) {
    // A new one each step, and one that flickers; 1 always has work.
    const std::vector<std::uint64_t> work = step % 2 == 0
                                                ? std::vector<std::uint64_t>{100 + step, 5, 1}
                                                : std::vector<std::uint64_t>{100 + step, 1};
    waited = ring.next(work) == 1 ? 0 : waited + 1;
    ASSERT_LE(waited, 2) << step;  // at most two others had work beside it
  }
}

// What the class promises: while one has work, each other one has at most one step before it.
TEST(AdapterTurns, at_most_one_step_of_each_other_while_one_waits) {
  std::mt19937 chance(7);
  AdapterTurns ring;
  std::map<std::uint64_t, std::map<std::uint64_t, int>> before;  // steps of others since
  for (int step = 0; step < 20'000; ++step) {
    std::vector<std::uint64_t> work;
    for (std::uint64_t adapter = 0; adapter < 6; ++adapter) {
      if (chance() % 4 != 0) work.push_back(adapter);
    }
    std::shuffle(work.begin(), work.end(), chance);
    std::erase_if(before, [&](const auto& entry) {
      return std::find(work.begin(), work.end(), entry.first) == work.end();
    });
    const std::uint64_t chosen = ring.next(work);
    if (work.empty()) continue;
    ASSERT_NE(std::find(work.begin(), work.end(), chosen), work.end());
    before.erase(chosen);
    for (const std::uint64_t adapter : work) {
      if (adapter != chosen) ASSERT_LE(++before[adapter][chosen], 1) << step;
    }
  }
}

}  // namespace
}  // namespace xc::engine
