#include "engine/core/row_costs.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "engine/core/cost_model.h"
#include "engine/core/draft_governor.h"

namespace xc::engine {
namespace {

TEST(RowCosts, nothing_is_known_of_rows_beyond_those_seen) {
  RowCosts costs;
  costs.observe(1, 1);
  costs.observe(4, 1.6);
  EXPECT_FALSE(costs.relative(1));  // seen once: perhaps a pause
  costs.observe(1, 1);
  costs.observe(4, 1.6);
  EXPECT_DOUBLE_EQ(*costs.relative(4), 1.6);
  EXPECT_DOUBLE_EQ(*costs.relative(2), 1.2);
  EXPECT_DOUBLE_EQ(*costs.relative(3), 1.4);
  EXPECT_FALSE(costs.relative(5));
  EXPECT_FALSE(costs.relative(0));
  EXPECT_FALSE(costs.relative(1'000));
}

TEST(RowCosts, hostile_values_change_nothing) {
  RowCosts costs;
  for (int i = 0; i < 2; ++i) costs.observe(1, 1);
  for (const int rows : {-1, 0, RowCosts::kRowsMax + 1}) costs.observe(rows, 1);
  for (const double value : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    costs.observe(1, value);
  }
  EXPECT_DOUBLE_EQ(*costs.relative(1), 1);
}

TEST(RowCosts, one_surprise_moves_little) {
  RowCosts costs;
  for (int i = 0; i < 20; ++i) costs.observe(2, 1.5);
  costs.observe(2, 100);
  EXPECT_LT(*costs.relative(2), 1.6);
}

// Qwen2.5-Coder-1.5B in Q4_K_M, one thread: ms of steps of 1 … 9 rows. Four rows are multiplied at
// once, what is left over one by one.
constexpr std::array<double, 10> kStairs{0, 177, 292, 389, 275, 383, 516, 620, 500, 610};

StepCostModel after_probe(double pace = 1) {
  StepCostModel model;
  for (int round = 0; round < 2; ++round) {
    for (int rows = 1; rows <= 9; ++rows) {
      model.observe({1, 0, rows, 16}, pace * kStairs[static_cast<std::size_t>(rows)]);
    }
  }
  return model;
}

TEST(RowCosts, the_cost_model_knows_the_stairs) {
  const StepCostModel model = after_probe();
  for (int rows = 1; rows <= 9; ++rows) {
    const double true_ms = kStairs[static_cast<std::size_t>(rows)];
    EXPECT_NEAR(model.predict({1, 0, rows, 16}), true_ms, 0.2 * true_ms) << rows;
  }
  EXPECT_LT(model.predict({1, 0, 4, 16}), model.predict({1, 0, 3, 16}));
}

TEST(RowCosts, a_machine_that_slows_down_keeps_its_stairs) {
  StepCostModel model = after_probe();
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {  // now half as fast, and mostly four rows
    const int rows = i % 5 == 0 ? 1 : 4;
    const double noise = 0.9 + 0.2 * std::uniform_real_distribution<double>(0, 1)(random);
    model.observe({1, 0, rows, 300}, 2 * noise * kStairs[static_cast<std::size_t>(rows)]);
  }
  EXPECT_NEAR(model.predict({1, 0, 4, 300}), 550, 80);
  EXPECT_NEAR(model.predict({1, 0, 1, 300}), 354, 60);
  EXPECT_LT(model.predict({1, 0, 4, 300}), model.predict({1, 0, 3, 300}));
}

// What it is for: where a straight line says that guessing never pays, the governor guesses three.
TEST(RowCosts, the_governor_takes_the_stair_that_pays) {
  const StepCostModel model = after_probe();
  const auto step_ms = [&model](int k) { return model.predict({1, 0, 1 + k, 16}); };
  DraftGovernor governor;
  double spent = 0;
  double tokens = 0;
  std::array<int, 9> lengths{};
  while (tokens < 400) {
    const int k = governor.choose(8, step_ms);
    governor.observe(k, k, step_ms);  // a quote: all right
    ++lengths[static_cast<std::size_t>(k)];
    spent += kStairs[static_cast<std::size_t>(k) + 1];
    tokens += 1 + k;
  }
  EXPECT_GT(lengths[3] + lengths[7] + lengths[8], lengths[1] + lengths[2] + lengths[4]);
  EXPECT_GE(tokens * kStairs[1] / spent, 1.8);
}

}  // namespace
}  // namespace xc::engine
