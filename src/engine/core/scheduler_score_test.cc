// Prompts whose every token gives logits (echo with logprobs).
#include <gtest/gtest.h>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

Ask scored(std::vector<Token> prompt, int max_tokens = 0) {
  Ask ask = ask_for(std::move(prompt), max_tokens);
  ask.score = true;
  return ask;
}

TEST(SchedulerScore, every_token_is_computed_for_it_though_the_cache_has_them) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(), with_shelf);
    bench->submit(ask_for(prompt_of(1, 600)));
    bench.finish();
    bench->submit(scored(prompt_of(1, 600)));
    bench->submit(scored(prompt_of(1, 600), 20));
    bench.finish();
    bench.all_right();
    EXPECT_EQ(bench->answer(1).cached, 0);
    EXPECT_EQ(bench->answer(2).cached, 0);
    EXPECT_EQ(bench.counters().held_for_prefix, 0u);
  }
}

TEST(SchedulerScore, what_it_computed_serves_others) {
  Bench bench(options_of());
  bench->submit(scored(prompt_of(1, 300)));
  bench.finish();
  bench->submit(ask_for(prompt_of(1, 300) + prompt_of(2, 20)));
  bench.finish();
  bench.all_right();
  EXPECT_EQ(bench->answer(1).cached, 300);
}

TEST(SchedulerScore, few_rows_a_step_whoever_asks) {
  Bench bench(options_of());
  for (std::uint64_t i = 0; i < 10; ++i) bench->submit(scored(prompt_of(i, 90), 5));
  bench.finish();
  bench.all_right();
  EXPECT_EQ(bench->scored_most(), 32);
}

TEST(SchedulerScore, another_prompt_does_not_wait_for_it) {
  Bench bench(options_of());
  const int slow = bench->submit(scored(prompt_of(1, 2000)));
  bench->step();
  const int quick = bench->submit(ask_for(prompt_of(1, 400), 4));
  bench.finish();
  bench.all_right();
  EXPECT_LT(bench->answer(quick).last, bench->answer(slow).last);
}

TEST(SchedulerScore, one_that_had_to_leave_goes_on_with_what_was_scored) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(1024), with_shelf);
    Ask ask = scored(prompt_of(1, 700), 30);
    ask.priority = 2;
    ask.n = 2;
    bench->submit(ask);
    for (int i = 0; i < 10; ++i) bench->step();
    Ask urgent = ask_for(prompt_of(2, 700), 20);
    urgent.priority = 0;
    bench->submit(urgent);
    bench.finish();
    bench.all_right();
    EXPECT_EQ(bench.counters().preemptions, 1u);
    if (with_shelf) {
      EXPECT_LT(bench.counters().prompt_computed, 1400u + 32);
    }
  }
}

TEST(SchedulerScore, a_memory_that_cannot_be_cut) {
  Bench bench(options_of(2048, 8, false), true);
  for (int i = 0; i < 3; ++i) bench->submit(scored(prompt_of(1, 100), 10));
  bench.finish();
  bench.all_right();
}

}  // namespace
}  // namespace xc::engine
