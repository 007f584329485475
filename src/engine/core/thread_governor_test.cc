#include "engine/core/thread_governor.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

using std::chrono::milliseconds;

TEST(ThreadGovernor, never_more_threads_than_free_cores) {
  EXPECT_EQ(threads_for(0.0, 2, 2), 2);
  EXPECT_EQ(threads_for(0.3, 2, 2), 2);
  EXPECT_EQ(threads_for(1.0, 2, 2), 1);
  EXPECT_EQ(threads_for(5.0, 2, 2), 1);
  EXPECT_EQ(threads_for(0.0, 16, 4), 4);
  EXPECT_EQ(threads_for(4.1, 16, 16), 12);
}

TEST(ThreadGovernor, follows_a_neighbour_that_comes_and_goes) {
  ManualClock clock;
  double others = 100;
  ThreadGovernor governor(2, 2, [&] { return CpuTimes{others}; });
  const auto after = [&](double busy) {
    clock.advance(milliseconds(300));
    others += busy * 0.3;
    return governor.threads(clock.now());
  };
  after(0);
  EXPECT_EQ(after(0.1), 2);
  EXPECT_EQ(after(1.0), 1);
  EXPECT_EQ(after(0.9), 1);
  EXPECT_EQ(after(0.0), 2);
}

TEST(ThreadGovernor, looks_rarely) {
  ManualClock clock;
  int looks = 0;
  double others = 0;
  ThreadGovernor governor(2, 2, [&] {
    ++looks;
    return CpuTimes{others};
  });
  for (int i = 0; i < 100; ++i) {
    clock.advance(milliseconds(10));
    governor.threads(clock.now());
  }
  EXPECT_LE(looks, 5);
}

TEST(ThreadGovernor, sees_a_neighbour_soon_after_the_start) {
  ManualClock clock;
  double others = 0;
  ThreadGovernor governor(2, 2, [&] { return CpuTimes{others}; });
  EXPECT_EQ(governor.threads(clock.now()), 2);
  clock.advance(milliseconds(60));
  others += 0.06;
  EXPECT_EQ(governor.threads(clock.now()), 1);
}

TEST(ThreadGovernor, after_a_pause_the_first_step_has_no_thread_on_a_taken_core) {
  ManualClock clock;
  double others = 0;
  ThreadGovernor governor(2, 2, [&] { return CpuTimes{others}; });
  governor.threads(clock.now());
  governor.resume();
  clock.advance(std::chrono::seconds(20));
  others += 19;
  EXPECT_EQ(governor.threads(clock.now()), 1);
  clock.advance(milliseconds(60));  // it just left: seen soon
  EXPECT_EQ(governor.threads(clock.now()), 2);
  governor.resume();
  clock.advance(std::chrono::seconds(20));
  others += 1;  // long ago
  EXPECT_EQ(governor.threads(clock.now()), 2);
}

TEST(ThreadGovernor, a_pause_of_a_few_ticks_says_nothing) {
  ManualClock clock;
  double others = 0;
  ThreadGovernor governor(2, 2, [&] { return CpuTimes{others}; });
  governor.threads(clock.now());
  clock.advance(milliseconds(300));
  others += 0.3;
  EXPECT_EQ(governor.threads(clock.now()), 1);
  governor.resume();
  clock.advance(milliseconds(20));
  EXPECT_EQ(governor.threads(clock.now()), 1);
}

TEST(ThreadGovernor, reads_this_machine) {
  const auto times = read_cpu_times();
  ASSERT_TRUE(times);
  EXPECT_GE(times->others, 0);
}

}  // namespace
}  // namespace xc::engine
