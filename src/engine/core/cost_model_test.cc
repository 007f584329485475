#include "engine/core/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace xc::engine {
namespace {

// A machine whose steps really cost this, when nobody disturbs it.
struct Machine {
  const char* name;
  double step, prefill, row, cell;
  double target_ms;
  double ms(const StepShape& s) const {
    return step + prefill * s.prefill_tokens + row * s.decode_rows +
           cell * (s.prefill_tokens + s.decode_rows) * s.cells;
  }
};
const Machine kMachines[] = {
    {"small model, two cores", 4, 0.9, 1.2, 1.5e-4, 250},
    {"8B, two cores", 350, 18, 30, 1e-3, 2000},
    {"8B, 64 cores", 60, 1.5, 2, 1e-4, 250},
    {"accelerator", 12, 0.02, 0.05, 2e-6, 30},
    {"no cost of a step", 0.05, 0.5, 0.5, 1e-5, 80},
};

// A stream of steps as the engine makes them: decodes, beside them prompts by budget.
struct Drive {
  const Machine& machine;
  unsigned seed;
  double noise = 0;
  double outliers = 0;  // probability of a step ten times as long
  StepCostModel model{};
  std::mt19937 random{seed};
  int steps = 0;
  double worst = 0;  // true time of a step by budget ÷ target
  double last_seen = 0;
  int last_prefill = 0;

  double draw() { return std::uniform_real_distribution<double>(0, 1)(random); }
  void step(bool judge) {
    const int rows = 1 + static_cast<int>(random() % 8);
    const int cells = 500 + static_cast<int>(random() % 6000);
    StepShape shape{2, 0, rows, cells};
    if (steps++ % 4 != 3) {
      shape.prefill_tokens = model.prefill_budget(machine.target_ms, 2, rows, cells, 512);
    }
    const double ms = machine.ms(shape);
    if (judge && shape.prefill_tokens > StepCostModel::kPrefillFloor) {
      worst = std::max(worst, ms / machine.target_ms);
    }
    double seen = ms * (1 + noise * (2 * draw() - 1));
    if (draw() < outliers) seen *= 10;
    model.observe(shape, seen);
    last_seen = seen;
    last_prefill = shape.prefill_tokens;
  }
};

TEST(StepCostModel, where_steps_differ_by_themselves_most_of_them_keep_the_target) {
  for (const Machine& machine : kMachines) {
    Drive drive{machine, 5, 0.3};
    int late = 0, judged = 0;
    for (int i = 0; i < 2000; ++i) {
      drive.step(false);
      if (i < 100 || drive.last_prefill <= StepCostModel::kPrefillFloor) continue;
      ++judged;
      late += drive.last_seen > 1.1 * machine.target_ms ? 1 : 0;
    }
    EXPECT_LE(late, judged / 10) << machine.name;
  }
}

TEST(StepCostModel, after_twenty_steps_the_worst_step_is_near_the_target) {
  for (const Machine& machine : kMachines) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      Drive drive{machine, seed, 0.3};
      for (int i = 0; i < 20; ++i) drive.step(false);
      for (int i = 0; i < 500; ++i) drive.step(true);
      EXPECT_LE(drive.worst, 1.5) << machine.name << " seed " << seed;
    }
  }
}

TEST(StepCostModel, a_noisy_neighbour_does_not_spoil_it) {
  for (const Machine& machine : kMachines) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      Drive drive{machine, seed, 0.3, 0.05};
      for (int i = 0; i < 20; ++i) drive.step(false);
      for (int i = 0; i < 500; ++i) drive.step(true);
      EXPECT_LE(drive.worst, 1.5) << machine.name << " seed " << seed;
    }
  }
}

// The target is kept also when everything takes three times as long, and when it is over.
TEST(StepCostModel, follows_a_machine_that_becomes_three_times_slower) {
  const Machine& machine = kMachines[0];
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Machine slow = machine;
    Drive drive{slow, seed, 0.3, 0.02};
    for (int i = 0; i < 100; ++i) drive.step(false);
    for (const double factor : {3.0, 1.0 / 3}) {
      slow.step *= factor;
      slow.prefill *= factor;
      slow.row *= factor;
      slow.cell *= factor;
      for (int i = 0; i < 20; ++i) drive.step(false);
      for (int i = 0; i < 100; ++i) drive.step(true);
    }
    EXPECT_LE(drive.worst, 1.5) << "seed " << seed;
  }
}

TEST(StepCostModel, uses_the_room_there_is) {
  const Machine& machine = kMachines[0];
  Drive drive{machine, 3, 0.1};
  for (int i = 0; i < 100; ++i) drive.step(false);
  const int ideal = static_cast<int>((250 - machine.ms({2, 0, 4, 3000})) /
                                     (machine.prefill + machine.cell * 3000));
  const int budget = drive.model.prefill_budget(250, 2, 4, 3000, 512);
  EXPECT_GE(budget, ideal * 7 / 10);
  EXPECT_LE(budget, ideal * 14 / 10);
}

TEST(StepCostModel, bounds_of_the_budget) {
  StepCostModel model;
  EXPECT_EQ(model.prefill_budget(250, 2, 0, 5000, 512), 512);  // nobody decodes
  EXPECT_EQ(model.prefill_budget(0, 2, 3, 5000, 512), 512);    // no target
  EXPECT_EQ(model.prefill_budget(250, 2, 3, 5000, 0), 0);
  EXPECT_EQ(model.prefill_budget(250, 2, 3, 5000, 512), 16);  // nothing seen yet: carefully
  EXPECT_EQ(model.prefill_budget(250, 2, 3, 5000, 7), 7);
  for (int i = 0; i < 20; ++i) model.observe({2, 0, 1, 100}, 1000);
  EXPECT_EQ(model.prefill_budget(10, 2, 1, 100, 512), 16);  // out of reach: prompts still advance
  StepCostModel fast;
  for (int i = 0; i < 20; ++i) fast.observe({2, 0, 1, 100}, 0.01);
  EXPECT_EQ(fast.prefill_budget(250, 2, 1, 100, 512), 16);  // no such step was seen
  fast.observe({2, 16, 1, 100}, 0.02);
  EXPECT_EQ(fast.prefill_budget(250, 2, 1, 100, 512), 32);
}

TEST(StepCostModel, predictions_are_sane_after_hostile_input) {
  StepCostModel model;
  std::mt19937 random(5);
  const double values[] = {0,
                           -1,
                           1e-9,
                           1e9,
                           std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN(),
                           5,
                           50};
  for (int i = 0; i < 20'000; ++i) {
    const StepShape shape{1 + static_cast<int>(random() % 3), static_cast<int>(random() % 600) - 50,
                          static_cast<int>(random() % 70) - 5, static_cast<int>(random() % 9000)};
    model.observe(shape, values[random() % 8]);
    const double ms = model.predict({2, 100, 4, 1000});
    ASSERT_TRUE(std::isfinite(ms) && ms > 0) << i;
    ASSERT_GE(model.predict({2, 101, 4, 1000}), ms);
    ASSERT_GE(model.predict({2, 100, 5, 1000}), ms);
    ASSERT_GE(model.predict({2, 100, 4, 1001}), ms);
  }
  for (int i = 0; i < 60; ++i) model.observe({2, i % 2 * 100, 4, 1000}, 10 + i % 2 * 100);
  EXPECT_NEAR(model.predict({2, 100, 4, 1000}), 110, 40);  // and it finds back
  EXPECT_NEAR(model.predict({2, 0, 4, 1000}), 10, 5);
}

TEST(StepCostModel, another_number_of_threads_starts_from_its_neighbour) {
  StepCostModel model;
  for (int i = 0; i < 40; ++i) model.observe({4, i % 2 * 256, 2, 1000}, 10 + i % 2 * 256);
  EXPECT_NEAR(model.predict({3, 0, 2, 1000}), 10, 3);
  EXPECT_EQ(model.observations(3), 0u);
  model.observe({3, 0, 2, 1000}, 20);
  EXPECT_NEAR(model.predict({3, 0, 2, 1000}), 20, 2);
  EXPECT_NEAR(model.predict({3, 256, 2, 1000}), 532, 150);  // the shape came along
  EXPECT_NEAR(model.predict({4, 0, 2, 1000}), 10, 3);
}

TEST(StepCostModel, is_deterministic) {
  Drive a{kMachines[1], 9, 0.3, 0.1};
  Drive b{kMachines[1], 9, 0.3, 0.1};
  for (int i = 0; i < 300; ++i) {
    a.step(false);
    b.step(false);
  }
  EXPECT_EQ(a.model.predict({2, 77, 3, 1234}), b.model.predict({2, 77, 3, 1234}));
}

}  // namespace
}  // namespace xc::engine
