#include "engine/core/draft_governor.h"

#include <gtest/gtest.h>

#include <random>

namespace xc::engine {
namespace {

// A sequence on a machine where a step of 1 + k rows costs base + row·k; each drafted token is
// right with probability `acceptance` as long as those before it were.
struct Bench {
  DraftGovernor governor{8};
  DraftGovernor::StepMs step_ms;
  std::mt19937 random{11};
  double ms = 0;
  double tokens = 0;
  int drafts = 0;
  int steps = 0;

  explicit Bench(double row_ms) {
    step_ms = [row_ms](int k) { return 10 + row_ms * k; };
  }
  void run(double acceptance, int count) {
    std::uniform_real_distribution<double> uniform(0, 1);
    const double until = tokens + count;
    while (tokens < until) {
      const int k = governor.choose(8, step_ms);
      int right = 0;
      while (right < k && uniform(random) < acceptance) ++right;
      governor.observe(k, right, step_ms);
      ms += step_ms(k);
      tokens += 1 + right;
      drafts += k > 0 ? 1 : 0;
      ++steps;
    }
  }
  // Against plain decode, which gives a token per 10 ms.
  double speed() const { return tokens * 10 / ms; }
};

TEST(DraftGovernor, hopeless_text_costs_at_most_three_percent) {
  for (const double row_ms : {0.5, 1.0, 3.0, 6.0, 10.0, 30.0}) {
    Bench bench(row_ms);
    bench.run(0, 2000);
    EXPECT_GE(bench.speed(), 0.97) << row_ms;
    EXPECT_LE(bench.drafts, 40) << row_ms;  // probes that grow apart
  }
}

TEST(DraftGovernor, the_promise_holds_for_every_acceptance_and_length) {
  for (const double row_ms : {0.2, 1.0, 3.0, 8.0}) {
    for (const double acceptance : {0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0}) {
      for (const int count : {80, 300, 3000}) {
        Bench bench(row_ms);
        bench.run(acceptance, count);
        EXPECT_GE(bench.speed(), 0.97) << row_ms << ' ' << acceptance << ' ' << count;
      }
    }
  }
}

TEST(DraftGovernor, quotes_run_much_faster) {
  Bench bench(1);  // a row costs a tenth of a step
  bench.run(0.9, 2000);
  EXPECT_GE(bench.speed(), 2.5);
  Bench dear(3);
  dear.run(0.9, 2000);
  EXPECT_GE(dear.speed(), 1.3);
}

TEST(DraftGovernor, three_in_ten_pays_only_where_rows_are_cheap) {
  Bench cheap(0.5);
  cheap.run(0.3, 2000);
  EXPECT_GE(cheap.speed(), 1.12);  // 1.26 for who knows the acceptance beforehand
  Bench dear(5);
  dear.run(0.3, 2000);
  EXPECT_LE(dear.drafts, 60);
}

TEST(DraftGovernor, follows_changing_text) {
  Bench bench(2);
  for (int phase = 0; phase < 5; ++phase) {
    bench.run(0, 800);
    EXPECT_GE(bench.speed(), 0.97) << phase;
    const double ms = bench.ms;
    const double tokens = bench.tokens;
    bench.run(0.95, 800);
    const double phase_speed = (bench.tokens - tokens) * 10 / (bench.ms - ms);
    EXPECT_GE(phase_speed, 1.3) << phase;  // the probe comes after 256 steps at the latest
  }
  // What the good phases earned is not burnt in the bad ones.
  const double ms = bench.ms;
  const double tokens = bench.tokens;
  bench.run(0, 2000);
  EXPECT_GE((bench.tokens - tokens) * 10 / (bench.ms - ms), 0.965);
}

TEST(DraftGovernor, nothing_to_draft_is_no_failure) {
  Bench bench(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(bench.governor.choose(0, bench.step_ms), 0);
    bench.governor.observe(0, 0, bench.step_ms);
  }
  EXPECT_DOUBLE_EQ(bench.governor.acceptance(), 0.5);
  EXPECT_EQ(bench.governor.choose(2, bench.step_ms), 2);
}

TEST(DraftGovernor, never_longer_than_allowed_and_bears_nonsense) {
  DraftGovernor governor(4);
  const auto free = [](int) { return 10.0; };
  EXPECT_EQ(governor.choose(100, free), 4);
  governor.observe(4, 9, free);  // more right than drafted
  EXPECT_LE(governor.acceptance(), 1.0);
  const auto broken = [](int) { return 0.0; };
  EXPECT_EQ(governor.choose(4, broken), 0);
  governor.observe(4, 4, broken);
}

}  // namespace
}  // namespace xc::engine
