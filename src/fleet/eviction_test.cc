#include "fleet/eviction.h"

#include <gtest/gtest.h>

#include <limits>

namespace xc::fleet {
namespace {

using Names = std::vector<std::string>;
using Kind = Plan::Kind;

Occupant worker(std::string name, std::uint64_t bytes, Occupation occupation, int used_s = 0) {
  // All of it is private memory, so the machine's free figure leaves it out already.
  return {std::move(name), bytes, bytes, occupation, SteadyTime(std::chrono::seconds(used_s))};
}

TEST(Eviction, loads_when_there_is_room_and_keeps_the_reserve) {
  EXPECT_EQ(plan_load(100, {100, 0, {}}).kind, Kind::Fits);
  EXPECT_EQ(plan_load(100, {100, 1, {}}).kind, Kind::WontFit);
  EXPECT_EQ(plan_load(0, {0, 0, {}}).kind, Kind::Fits);
}

TEST(Eviction, the_least_recently_used_idle_worker_goes_first_and_no_more_than_needed) {
  const MemoryState state{
      10,
      0,
      {worker("young", 50, Occupation::Idle, 9), worker("old", 50, Occupation::Idle, 1),
       worker("middle", 50, Occupation::Idle, 5)}};
  EXPECT_EQ(plan_load(60, state).victims, (Names{"old"}));
  EXPECT_EQ(plan_load(61, state).victims, (Names{"old", "middle"}));
  EXPECT_EQ(plan_load(160, state).victims, (Names{"old", "middle", "young"}));
  const Plan never = plan_load(161, state);
  EXPECT_EQ(never.kind, Kind::WontFit);
  EXPECT_EQ(never.most_bytes, 160u);
  EXPECT_TRUE(never.victims.empty());
}

TEST(Eviction, a_small_victim_is_spared_when_a_large_one_is_enough) {
  const MemoryState state{
      0, 0, {worker("small", 10, Occupation::Idle, 1), worker("large", 100, Occupation::Idle, 2)}};
  EXPECT_EQ(plan_load(90, state).victims, (Names{"large"}));
  EXPECT_EQ(plan_load(105, state).victims, (Names{"small", "large"}));
}

TEST(Eviction, a_busy_or_loading_worker_is_waited_for_and_never_chosen) {
  for (const Occupation occupation : {Occupation::Busy, Occupation::Loading}) {
    const MemoryState state{
        0, 0, {worker("held", 100, occupation, 0), worker("idle", 10, Occupation::Idle, 9)}};
    const Plan plan = plan_load(50, state);
    EXPECT_EQ(plan.kind, Kind::Wait);
    EXPECT_TRUE(plan.victims.empty());  // the idle one alone would not help
    EXPECT_EQ(plan_load(10, state).victims, (Names{"idle"}));
  }
}

TEST(Eviction, memory_that_is_on_its_way_back_is_not_claimed_twice) {
  const MemoryState state{
      0, 0, {worker("going", 50, Occupation::Draining), worker("idle", 50, Occupation::Idle)}};
  const Plan enough = plan_load(50, state);
  EXPECT_EQ(enough.kind, Kind::Wait);
  EXPECT_TRUE(enough.victims.empty());
  EXPECT_EQ(plan_load(51, state).victims, (Names{"idle"}));
}

TEST(Eviction, a_load_in_progress_has_its_whole_share_reserved) {
  // 30 of its 80 bytes are taken so far; the machine shows 100 free, 50 of them are promised.
  const MemoryState state{100, 0, {{"loading", 80, 30, Occupation::Loading, {}}}};
  EXPECT_EQ(plan_load(50, state).kind, Kind::Fits);
  EXPECT_EQ(plan_load(51, state).kind, Kind::Wait);
  EXPECT_EQ(plan_load(130, state).kind, Kind::Wait);
  EXPECT_EQ(plan_load(131, state).kind, Kind::WontFit);
}

TEST(Eviction, a_mapped_model_that_the_kernel_calls_free_is_not) {
  // 900 of 1000 bytes of this worker are a mapped file: free for the kernel, in use for us.
  const MemoryState state{1'000, 0, {{"mapped", 1'000, 100, Occupation::Idle, {}}}};
  EXPECT_EQ(plan_load(100, state).kind, Kind::Fits);
  const Plan plan = plan_load(200, state);
  EXPECT_EQ(plan.kind, Kind::Wait);
  EXPECT_EQ(plan.victims, (Names{"mapped"}));
  EXPECT_EQ(plan.most_bytes, 1'100u);
}

TEST(Eviction, absurd_numbers_do_not_overflow) {
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(plan_load(huge, {100, 0, {}}).kind, Kind::WontFit);
  EXPECT_EQ(plan_load(1, {0, huge, {}}).most_bytes, 0u);
  EXPECT_EQ(plan_load(1, {100, 0, {worker("x", huge, Occupation::Busy)}}).kind, Kind::Fits);
}

}  // namespace
}  // namespace xc::fleet
