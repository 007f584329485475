// Readers that lag, cancel, deadlines: each request ends exactly once, in whatever state.
#include <gtest/gtest.h>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

TEST(SchedulerEnd, a_lagging_reader_stops_alone) {
  Bench bench(options_of());
  const int slow = bench->submit(ask_for(prompt_of(1, 100), 50));
  const int quick = bench->submit(ask_for(prompt_of(2, 100), 50));
  for (int i = 0; i < 10; ++i) bench->step();
  bench->park(slow, true);
  for (int i = 0; i < 100; ++i) bench->step();
  EXPECT_EQ(bench->answer(quick).ended, 1);
  EXPECT_EQ(bench->answer(slow).ended, 0);
  EXPECT_FALSE(bench->scheduler().has_work());
  bench->park(slow, false);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerEnd, lagging_readers_give_their_room_to_who_reads) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(2048, 8), with_shelf);
    std::vector<int> slow;
    for (std::uint64_t i = 0; i < 8; ++i) {
      Ask ask = ask_for(prompt_of(i, 200), 60);
      ask.tenant = "a";
      slow.push_back(bench->submit(ask));
    }
    for (int i = 0; i < 20; ++i) bench->step();
    for (const int ticket : slow) bench->park(ticket, true);
    const int reads = bench->submit(ask_for(prompt_of(50, 1200), 30));
    const int later = bench->submit(ask_for(prompt_of(51, 100), 30));
    for (int i = 0; i < 200; ++i) bench->step();
    EXPECT_TRUE(bench->right(reads));
    EXPECT_TRUE(bench->right(later));
    EXPECT_LT(bench.counters().preemptions, 20u);  // no to and fro
    for (const int ticket : slow) bench->park(ticket, false);
    bench.finish();
    bench.all_right();
  }
}

TEST(SchedulerEnd, a_lagging_reader_in_the_only_room_leaves) {
  Bench bench(options_of(1024));
  const int slow = bench->submit(ask_for(prompt_of(1, 500), 300));
  for (int i = 0; i < 10; ++i) bench->step();
  bench->park(slow, true);
  const int other = bench->submit(ask_for(prompt_of(2, 300), 400));
  for (int i = 0; i < 600; ++i) bench->step();
  EXPECT_TRUE(bench->right(other));
  bench->park(slow, false);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerEnd, cancel_in_every_state_ends_each_once) {
  for (int turns = 0; turns < 60; turns += 3) {
    EveryState all;
    for (int i = 0; i < turns; ++i) all.bench->step();
    const int parked = turns % 16;
    all.bench->park(parked, true);
    all.bench->step();
    for (int i = 0; i < all.bench->count(); ++i) all.bench->cancel(i);
    all.bench->step();
    EXPECT_TRUE(all.bench->scheduler().idle());
    EXPECT_EQ(all.bench->fault(), "");
    EXPECT_EQ(all.bench->scheduler().pool().live(), 0);
    for (int i = 0; i < all.bench->count(); ++i) EXPECT_EQ(all.bench->answer(i).ended, 1) << i;
  }
}

TEST(SchedulerEnd, deadlines_end_each_once_in_every_state) {
  for (int after_ms = 1; after_ms < 20'000; after_ms = after_ms * 2 + 37) {
    Bench bench(options_of(1024, 8), true);
    const auto shared = prompt_of(1, 300);
    for (std::uint64_t i = 0; i < 16; ++i) {
      Ask ask = ask_for(i < 3 ? shared + prompt_of(10 + i, 20) : prompt_of(i, 250), 100);
      ask.n = i == 4 ? 3 : 1;
      ask.deadline = Deadline::at(bench->now() + std::chrono::milliseconds(after_ms));
      bench->submit(ask);
    }
    bench.finish();
    for (int i = 0; i < bench->count(); ++i) {
      const Answer& answer = bench->answer(i);
      EXPECT_EQ(answer.ended, 1);
      if (answer.error) {
        EXPECT_EQ(*answer.error, Code::Timeout);
      } else {
        EXPECT_TRUE(bench->right(i));
      }
    }
  }
}

TEST(SchedulerEnd, the_same_arrivals_make_the_same_steps) {
  std::uint64_t traces[2];
  for (std::uint64_t& trace : traces) {
    EveryState all;
    all.bench.finish();
    trace = all.bench->trace();
  }
  EXPECT_EQ(traces[0], traces[1]);
}

}  // namespace
}  // namespace xc::engine
