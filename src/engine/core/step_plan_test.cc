#include "engine/core/step_plan.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

TEST(StepPlan, decodes_come_first_and_bound_the_prefill) {
  const std::vector<SequenceView> views{{0, 1, 4000, false}, {1, 2, 0, false}, {2, 3, 0, true}};
  const auto plan = plan_step(views, {2048, 512});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].seq, 1);
  EXPECT_FALSE(plan[0].prefill);
  EXPECT_EQ(plan[1].seq, 0);
  EXPECT_EQ(plan[1].tokens, 512);
}

TEST(StepPlan, prompts_fill_the_whole_step_when_nobody_decodes) {
  const std::vector<SequenceView> views{
      {5, 9, 300, false}, {6, 2, 1900, false}, {7, 11, 50, false}};
  const auto plan = plan_step(views, {2048, 512});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].seq, 6);  // arrived first
  EXPECT_EQ(plan[0].tokens, 1900);
  EXPECT_EQ(plan[1].seq, 5);
  EXPECT_EQ(plan[1].tokens, 148);
}

TEST(StepPlan, nothing_to_do_is_empty) {
  EXPECT_TRUE(plan_step({}, {}).empty());
  EXPECT_TRUE(plan_step({{0, 1, 0, true}}, {}).empty());
}

TEST(StepPlan, never_exceeds_the_budget) {
  std::vector<SequenceView> views;
  for (int i = 0; i < 40; ++i)
    views.push_back({i, static_cast<std::uint64_t>(i), i % 3 * 7, false});
  int tokens = 0;
  for (const Slice& s : plan_step(views, {16, 8})) tokens += s.tokens;
  EXPECT_LE(tokens, 16);
}

}  // namespace
}  // namespace xc::engine
