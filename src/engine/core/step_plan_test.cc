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
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].seq, 7);  // short
  EXPECT_EQ(plan[0].tokens, 50);
  EXPECT_EQ(plan[1].seq, 6);  // arrived first
  EXPECT_EQ(plan[1].tokens, 1900);
  EXPECT_EQ(plan[2].seq, 5);
  EXPECT_EQ(plan[2].tokens, 98);
}

TEST(StepPlan, drafts_take_the_place_of_prompt_tokens_but_no_more_than_half) {
  std::vector<SequenceView> views{{0, 1, 4000}, {1, 2, 0}};
  StepBudget budget{512, 60};
  budget.draft_tokens = 2;
  views[1].draft = 10;
  auto plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].tokens, 11);
  EXPECT_EQ(plan[1].tokens, 40);
  views[1].draft = 30;
  plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].tokens, 16);
  EXPECT_EQ(plan[1].tokens, 30);
  views[0].prompt_left = 0;  // nobody's prompt waits
  plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[1].tokens, 31);
}

TEST(StepPlan, rank_goes_before_arrival) {
  std::vector<SequenceView> views{{0, 1, 300}, {1, 2, 300}, {2, 3, 300}};
  views[0].rank = 2;
  views[1].rank = 1;
  views[2].rank = 1;
  const auto plan = plan_step(views, {700, 700});
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].seq, 1);
  EXPECT_EQ(plan[1].seq, 2);
  EXPECT_EQ(plan[2].seq, 0);
  EXPECT_EQ(plan[2].tokens, 100);
}

TEST(StepPlan, short_prompts_go_before_a_long_one_and_leave_it_half_of_the_next_step) {
  std::vector<SequenceView> views{{0, 0, 7168}};
  for (int i = 1; i <= 10; ++i) views.push_back({i, static_cast<std::uint64_t>(i), 100});
  StepBudget budget{512, 512};
  auto plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 6u);
  EXPECT_EQ(plan[0].seq, 1);
  EXPECT_EQ(plan[4].tokens, 100);
  EXPECT_EQ(plan[5].tokens, 12);  // what is left of the step
  EXPECT_TRUE(shorts_led(views, budget, plan));

  budget.shorts_led = true;
  plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 4u);
  EXPECT_EQ(plan[2].tokens, 56);
  EXPECT_EQ(plan[3].seq, 0);
  EXPECT_EQ(plan[3].tokens, 256);
  EXPECT_FALSE(shorts_led(views, budget, plan));
}

// A machine that computes ten prompt tokens in the time between two tokens of a stream.
TEST(StepPlan, a_short_prompt_gets_on_where_half_of_a_step_does_not_hold_it) {
  SequenceView waiting{1, 1, 32};
  StepBudget budget{512, 10};
  int steps = 0;
  while (waiting.prompt_left > 0 && steps < 100) {
    const std::vector<SequenceView> views{{0, 0, 7000}, waiting, {2, 2, 0}};
    const auto plan = plan_step(views, budget);
    for (const Slice& s : plan) waiting.prompt_left -= s.seq == 1 ? s.tokens : 0;
    budget.shorts_led = shorts_led(views, budget, plan);
    ++steps;
  }
  EXPECT_EQ(steps, 5);  // 10, 5, 10, 5, 2
}

TEST(StepPlan, a_short_prompt_of_a_worse_class_leaves_half) {
  std::vector<SequenceView> views{{0, 0, 7000}, {1, 1, 100}};
  views[1].priority = 2;
  views[1].rank = 1;
  const auto plan = plan_step(views, {100, 100});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].seq, 1);
  EXPECT_EQ(plan[0].tokens, 50);
  EXPECT_EQ(plan[1].tokens, 50);
}

TEST(StepPlan, a_cut_prompt_gets_what_the_others_leave) {
  std::vector<SequenceView> views{{0, 0, 7000}, {1, 1, 100}};
  views[0].scored = true;
  StepBudget budget{200, 200};
  budget.scored_rows = 32;
  budget.shorts_led = true;
  const auto plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].tokens, 100);
  budget.tokens = budget.prefill_beside_decode = 100;  // half holds 50 of it, the scored one 32
  EXPECT_EQ(plan_step(views, budget)[0].tokens, 68);
}

TEST(StepPlan, a_step_of_decodes_alone_does_not_forget_who_led) {
  const std::vector<SequenceView> views{{0, 0, 7000}, {1, 1, 50}, {2, 2, 0}};
  StepBudget budget{1, 0};
  budget.shorts_led = true;
  EXPECT_TRUE(shorts_led(views, budget, plan_step(views, budget)));
  budget.shorts_led = false;
  EXPECT_FALSE(shorts_led(views, budget, plan_step(views, budget)));
}

TEST(StepPlan, shorts_do_not_lead_where_no_long_prompt_waits) {
  const std::vector<SequenceView> views{{0, 0, 100}, {1, 1, 100}, {2, 2, 0}};
  EXPECT_FALSE(shorts_led(views, {512, 512}, plan_step(views, {512, 512})));
}

TEST(StepPlan, a_short_prompt_of_best_rank_takes_what_it_needs) {
  const std::vector<SequenceView> views{{0, 0, 120}, {1, 1, 500}};
  const auto plan = plan_step(views, {128, 128});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].tokens, 120);
  EXPECT_EQ(plan[1].tokens, 8);
}

TEST(StepPlan, drafts_ride_on_decodes_but_displace_none) {
  std::vector<SequenceView> views{
      {0, 0, 0, false, 8}, {1, 1, 0, false, 8}, {2, 2, 0, true, 8}, {3, 3, 0, false, 0}};
  auto plan = plan_step(views, {13, 512});
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].tokens, 9);
  EXPECT_EQ(plan[1].tokens, 3);  // what was left after everybody's own token
  EXPECT_EQ(plan[2].tokens, 1);

  views.push_back({4, 4, 1000});  // a prompt waits: half of the rest is its
  plan = plan_step(views, {13, 512});
  ASSERT_EQ(plan.size(), 4u);
  EXPECT_EQ(plan[0].tokens, 6);
  EXPECT_EQ(plan[1].tokens, 1);
  EXPECT_TRUE(plan[3].prefill);
  EXPECT_EQ(plan[3].tokens, 5);
}

TEST(StepPlan, scored_prompts_share_few_rows_and_hold_nobody_up) {
  std::vector<SequenceView> views{{0, 0, 200}, {1, 1, 200}, {2, 2, 200}, {3, 3, 0}};
  views[0].scored = views[1].scored = true;
  const auto plan = plan_step(views, {300, 200, 16, 40});
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].seq, 3);  // decodes
  EXPECT_EQ(plan[1].seq, 0);
  EXPECT_EQ(plan[1].tokens, 40);
  EXPECT_EQ(plan[2].seq, 2);  // the second scored one waits, who is behind it does not
  EXPECT_EQ(plan[2].tokens, 160);

  views[0].prompt_left = 10;
  const auto both = plan_step(views, {300, 200, 16, 40});
  ASSERT_EQ(both.size(), 4u);
  EXPECT_EQ(both[1].tokens, 10);
  EXPECT_EQ(both[2].tokens, 30);
}

TEST(StepPlan, nothing_to_do_is_empty) {
  EXPECT_TRUE(plan_step({}, {}).empty());
  EXPECT_TRUE(plan_step({{0, 1, 0, true}}, {}).empty());
}

TEST(StepPlan, never_exceeds_the_budget) {
  std::vector<SequenceView> views;
  for (int i = 0; i < 40; ++i)
    views.push_back({i, static_cast<std::uint64_t>(i), i % 3 * 7, false, i % 5, 0});
  for (const int most : {1, 8, 16, 50, 300}) {
    int tokens = 0;
    int prefill = 0;
    for (const Slice& s : plan_step(views, {most, 8})) {
      EXPECT_GT(s.tokens, 0);
      tokens += s.tokens;
      prefill += s.prefill ? s.tokens : 0;
    }
    EXPECT_LE(tokens, most);
    EXPECT_LE(prefill, 8);
  }
}

TEST(StepPlan, newcomers_have_a_step_of_their_own_when_they_may) {
  std::vector<SequenceView> views{{0, 1, 0}, {1, 2, 700}, {2, 3, 40}, {3, 4, 60}, {4, 5, 30}};
  for (const std::size_t i : {2u, 3u, 4u}) views[i].newcomer = true;
  StepBudget budget{512, 256};
  EXPECT_EQ(plan_step(views, budget).front().seq, 0);  // not now: as ever
  budget.newcomers_alone = 80;
  const auto plan = plan_step(views, budget);
  ASSERT_EQ(plan.size(), 2u);  // 40 and 30 fit, 60 is not cut
  EXPECT_EQ(plan[0].seq, 2);
  EXPECT_EQ(plan[0].tokens, 40);
  EXPECT_TRUE(plan[0].prefill);
  EXPECT_EQ(plan[1].seq, 4);
  budget.newcomers_alone = 20;
  EXPECT_EQ(plan_step(views, budget).front().seq, 0);  // none fits
}

}  // namespace
}  // namespace xc::engine
