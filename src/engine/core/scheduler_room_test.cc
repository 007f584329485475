// When room is short: who leaves, who comes back, and that nobody fails for it.
#include <gtest/gtest.h>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

TEST(SchedulerRoom, more_than_fits_completes_with_the_same_text) {  // E5
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(2048), with_shelf);
    for (std::uint64_t i = 0; i < 4; ++i) bench->submit(ask_for(prompt_of(i, 300), 700));
    bench.finish();
    bench.all_right();
    EXPECT_GT(bench.counters().preemptions, 0u);
    if (with_shelf) {
      EXPECT_LE(bench.counters().prompt_computed, 4u * 300 + 200);
    }
  }
}

TEST(SchedulerRoom, choices_that_do_not_fit_together_complete_one_after_another) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(1024), with_shelf);
    Ask ask = ask_for(prompt_of(1, 300), 500);
    ask.n = 8;
    bench->submit(ask);
    bench.finish();
    bench.all_right();
  }
}

TEST(SchedulerRoom, preempted_choices_share_their_prompt_again) {
  Bench bench(options_of(2048));
  bench->submit(ask_for(prompt_of(9, 1000), 900));
  for (int i = 0; i < 20; ++i) bench->step();
  Ask ask = ask_for(prompt_of(1, 400), 200);
  ask.n = 4;
  bench->submit(ask);
  bench.finish();
  bench.all_right();
  EXPECT_LE(bench.counters().prompt_computed,
            1000u + 400 * (1 + bench.counters().preemptions) + 4 * 200);
}

TEST(SchedulerRoom, a_device_that_is_full_before_its_time_fails_nobody) {
  Bench bench(options_of(2048), true);
  for (std::uint64_t i = 0; i < 3; ++i) bench->submit(ask_for(prompt_of(i, 300), 100));
  for (int i = 0; i < 40; ++i) {
    if (i % 5 == 0) bench->refuse_next();
    bench->step();
    ASSERT_EQ(bench->fault(), "");
  }
  bench.finish();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(bench->answer(i).error);
}

TEST(SchedulerRoom, a_burst_of_one_tenant_makes_room_for_another_that_has_nothing_inside) {
  for (const bool with_shelf : {false, true}) {
    SchedulerOptions options = options_of(8192);
    options.sequences = 8;
    Bench bench(options, with_shelf);
    for (std::uint64_t i = 0; i < 20; ++i) bench->submit(ask_for(prompt_of(i, 100), 200));
    for (int i = 0; i < 10; ++i) bench->step();
    Ask other = ask_for(prompt_of(99, 20), 4);
    other.tenant = "b";
    const int visitor = bench->submit(other);
    Ask second = other;
    second.prompt = prompt_of(98, 20);
    bench->submit(second);
    bench.finish();
    bench.all_right();
    EXPECT_LT(bench->answer(visitor).last, bench->answer(0).last);
    // One place for a tenant that had none; its second request waits like anybody's.
    EXPECT_EQ(bench.counters().preemptions, 1u);
  }
}

TEST(SchedulerRoom, a_higher_class_takes_the_room_of_a_lower_one) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(2048), with_shelf);
    Ask background = ask_for(prompt_of(1, 1500), 400);
    background.priority = 2;
    const int low = bench->submit(background);
    for (int i = 0; i < 20; ++i) bench->step();
    Ask urgent = ask_for(prompt_of(2, 1500), 20);
    urgent.priority = 0;
    const int high = bench->submit(urgent);
    bench.finish();
    bench.all_right();
    EXPECT_LT(bench->answer(high).last, bench->answer(low).last);
    EXPECT_EQ(bench.counters().preemptions, 1u);
  }
}

TEST(SchedulerRoom, a_higher_class_does_not_queue_behind_a_lower_one_that_finds_no_room) {
  Bench bench(options_of(2048));
  Ask first = ask_for(prompt_of(1, 900), 600);
  first.priority = 2;
  bench->submit(first);
  for (int i = 0; i < 5; ++i) bench->step();
  Ask second = ask_for(prompt_of(2, 1200), 600);
  second.priority = 2;
  bench->submit(second);  // admitted, no room
  bench->step();
  Ask urgent = ask_for(prompt_of(3, 1200), 20);
  urgent.priority = 0;
  const int ticket = bench->submit(urgent);
  for (int i = 0; i < 40; ++i) bench->step();
  EXPECT_EQ(bench->answer(ticket).ended, 1);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerRoom, what_was_saved_is_not_charged_to_the_cache_twice) {
  Bench bench(options_of(2048), true);
  Ask background = ask_for(prompt_of(1, 1500), 400);
  background.priority = 2;
  const int low = bench->submit(background);
  bench->step();
  bench->step();
  Ask urgent = ask_for(prompt_of(2, 1500), 20);
  urgent.priority = 0;
  bench->submit(urgent);
  bench.finish();
  EXPECT_EQ(bench->answer(low).cached, 0);  // its own work is no hit
}

TEST(SchedulerRoom, few_sequences_are_all_used) {
  Bench bench(options_of(4096, 4));
  for (std::uint64_t i = 0; i < 4; ++i) bench->submit(ask_for(prompt_of(i, 600), 50));
  for (int i = 0; i < 12; ++i) bench->step();
  EXPECT_EQ(bench->scheduler().pool().live(), 4);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerRoom, a_retained_sequence_with_another_end_gives_its_place) {
  Bench bench(options_of(2048, 1));
  const auto start = prompt_of(1, 100);
  bench->submit(ask_for(start + prompt_of(2, 100)));
  bench.finish();
  bench->submit(ask_for(start + prompt_of(3, 100)));
  bench.finish();
  bench.all_right();
}

TEST(SchedulerRoom, a_large_donor_of_little_gives_its_cells) {
  Bench bench(options_of(2048));
  const auto start = prompt_of(1, 20);
  bench->submit(ask_for(start + prompt_of(2, 1500)));
  bench.finish();
  bench->submit(ask_for(prompt_of(5, 50), 200));  // lives on
  for (int i = 0; i < 5; ++i) bench->step();
  const int ticket = bench->submit(ask_for(start + prompt_of(3, 700), 20));
  for (int i = 0; i < 40; ++i) bench->step();
  EXPECT_EQ(bench->answer(ticket).ended, 1);
  EXPECT_EQ(bench->answer(ticket).cached, 20);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerRoom, who_finds_no_room_costs_others_nothing) {
  Bench bench(options_of(2048));
  const auto kept = prompt_of(1, 500);
  bench->submit(ask_for(kept));
  bench.finish();
  const int running = bench->submit(ask_for(prompt_of(2, 700), 300));
  for (int i = 0; i < 5; ++i) bench->step();
  const int large = bench->submit(ask_for(prompt_of(3, 1600), 20));
  for (int i = 0; i < 20; ++i) bench->step();
  EXPECT_EQ(bench->scheduler().pool().retained(), 1);
  bench->cancel(large);
  bench.finish();
  EXPECT_TRUE(bench->right(running));
}

TEST(SchedulerRoom, choices_without_a_free_sequence_wait_for_one) {
  Bench bench(options_of(4096, 3));
  Ask ask = ask_for(prompt_of(1, 100), 40);
  ask.n = 8;
  bench->submit(ask);
  bench->submit(ask_for(prompt_of(2, 50), 40));
  bench.finish();
  bench.all_right();
}

TEST(SchedulerRoom, ten_thousand_requests_leave_nothing) {
  Bench bench(options_of(512, 16));
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    bench->submit(ask_for(prompt_of(i % 37, 5 + static_cast<int>(i % 60)), 3));
    for (int s = 0; s < 2; ++s) bench->step();
  }
  bench.finish();
  while (bench->scheduler().make_room()) {
  }
  EXPECT_EQ(bench.device.cells_used(), 0);
}

}  // namespace
}  // namespace xc::engine
