// LoRA adapters in the scheduler: one a step, by turns, and nothing shared between two.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/id.h"
#include "engine/core/scheduler_rig.h"

namespace xc::engine {
namespace {

SchedulerOptions options_of() {
  SchedulerOptions options;
  options.sequences = 32;
  options.cells = 8192;
  return options;
}

Ask ask_of(std::uint64_t adapter, std::vector<Token> prompt, int max_tokens = 16) {
  Ask ask;
  ask.adapter = adapter;
  ask.prompt = std::move(prompt);
  ask.max_tokens = max_tokens;
  return ask;
}

void finish(SchedulerRig& rig) {
  for (int turn = 0; turn < 50'000 && !rig.scheduler().idle(); ++turn) {
    rig.step();
    ASSERT_EQ(rig.fault(), "") << "turn " << turn;
  }
  ASSERT_TRUE(rig.scheduler().idle());
  for (int i = 0; i < rig.count(); ++i) EXPECT_TRUE(rig.right(i)) << "request " << i;
}

TEST(SchedulerAdapters, what_one_computed_is_not_for_another) {
  FakeDevice device(32, 8192, true);
  SchedulerRig rig(options_of(), device, nullptr);
  for (const std::uint64_t adapter : {0, 1, 2, 1, 0}) {
    rig.submit(ask_of(adapter, prompt_of(1, 600)));
    finish(rig);
  }
  EXPECT_EQ(rig.answer(0).cached, 0);
  EXPECT_EQ(rig.answer(1).cached, 0);
  EXPECT_EQ(rig.answer(2).cached, 0);
  EXPECT_EQ(rig.answer(3).cached, 599);  // its own
  EXPECT_EQ(rig.answer(4).cached, 599);
}

// Between the steps of one adapter those of another know nothing of its prompts.
TEST(SchedulerAdapters, short_prompts_of_one_do_not_starve_its_long_one_beside_another) {
  FakeDevice device(32, 8192, true);
  SchedulerOptions options = options_of();
  options.target_tbt_ms = 40;
  SchedulerRig rig(options, device, nullptr);
  rig.submit(ask_of(0, prompt_of(1, 600), 1));
  finish(rig);  // what a token costs is known
  rig.submit(ask_of(2, prompt_of(2, 20), 2'000));
  const int long_one = rig.submit(ask_of(1, prompt_of(3, 800), 1));
  int steps = 0;
  for (std::uint64_t i = 0; steps < 2'000 && rig.answer(long_one).ended == 0; ++steps) {
    if (rig.scheduler().waiting() + rig.scheduler().active() < 12) {
      rig.submit(ask_of(1, prompt_of(100 + i++, 32), 1));
    }
    rig.step();
  }
  EXPECT_LT(steps, 2'000);
  finish(rig);
}

TEST(SchedulerAdapters, the_shelf_keeps_them_apart_too) {
  ManualClock clock;
  SeededRandom random{7};
  FakeDevice device(4, 1024, true);
  ChunkStoreOptions set;
  set.ram_bytes_max = 64u << 20;
  auto store = ChunkStore::open(set, clock, random, [] {});
  ASSERT_TRUE(store);
  ChunkShelf shelf(**store, device, 16u << 20);
  for (const std::uint64_t adapter : {0, 1}) {
    const std::string lora = adapter == 0 ? "" : "digest 1";
    auto space = (*store)->open_space({"m", "1", "f16", "f16", "u", lora, "r"}, "t");
    ASSERT_TRUE(space);
    shelf.set_space(Request::space_of("t", adapter), *space);
  }
  SchedulerOptions options = options_of();
  options.sequences = 4;
  options.cells = 1024;
  SchedulerRig rig(options, device, &shelf, [&shelf] { shelf.poll(); });
  rig.submit(ask_of(1, prompt_of(1, 700)));
  finish(rig);
  rig.submit(ask_of(0, prompt_of(2, 900)));  // drives the first over the shelf
  finish(rig);
  rig.submit(ask_of(0, prompt_of(1, 700)));
  finish(rig);
  EXPECT_EQ(rig.answer(2).cached, 0);
  rig.submit(ask_of(1, prompt_of(1, 700)));
  finish(rig);
  EXPECT_GE(rig.answer(3).cached, 512);
}

TEST(SchedulerAdapters, prompts_are_waited_for_within_one_only) {
  FakeDevice device(32, 8192, true);
  SchedulerRig rig(options_of(), device, nullptr);
  for (const std::uint64_t adapter : {1, 1, 2, 2}) {
    rig.submit(ask_of(adapter, prompt_of(1, 1500) + prompt_of(10 + adapter, 20)));
  }
  finish(rig);
  EXPECT_EQ(rig.scheduler().counters().held_for_prefix, 2u);
  EXPECT_EQ(rig.answer(0).cached, 0);
  EXPECT_EQ(rig.answer(2).cached, 0);
  EXPECT_GE(rig.answer(1).cached, 1500);
  EXPECT_GE(rig.answer(3).cached, 1500);
}

// Eight streams of one adapter, one of another: each stream gets a token a round.
TEST(SchedulerAdapters, nobody_waits_more_than_a_step_for_each_other) {
  FakeDevice device(32, 8192, true);
  SchedulerRig rig(options_of(), device, nullptr);
  for (int i = 0; i < 8; ++i)
    rig.submit(ask_of(1, prompt_of(static_cast<std::uint64_t>(i), 40), 200));
  rig.submit(ask_of(2, prompt_of(9, 40), 50));
  rig.submit(ask_of(0, prompt_of(10, 40), 50));
  finish(rig);
  const auto& steps = rig.adapters();
  const auto last_of = [&steps](std::uint64_t adapter) {
    return std::find(steps.rbegin(), steps.rend(), adapter).base() - steps.begin();
  };
  for (const std::uint64_t adapter : {0, 2}) {
    const auto first = std::find(steps.begin(), steps.end(), adapter) - steps.begin();
    int since = 0;
    for (auto i = first; i < last_of(adapter); ++i) {
      since = steps[static_cast<std::size_t>(i)] == adapter ? 0 : since + 1;
      ASSERT_LE(since, 2) << "step " << i;
    }
  }
  EXPECT_LT(last_of(2), 50 * 3 + 10);  // done long before the eight
}

// While somebody decodes, a long prompt of another adapter is cut as one of its own would be.
TEST(SchedulerAdapters, a_prompt_elsewhere_does_not_stall_a_stream) {
  const auto longest_gap = [](std::uint64_t adapter) {
    FakeDevice device(32, 8192, true);
    SchedulerOptions options = options_of();
    options.target_tbt_ms = 60;
    SchedulerRig rig(options, device, nullptr);
    rig.submit(ask_of(1, prompt_of(1, 40), 600));
    for (int i = 0; i < 60; ++i) rig.step();
    rig.submit(ask_of(adapter, prompt_of(2, 5000), 4));
    finish(rig);
    return rig.longest_step_ms();
  };
  EXPECT_LE(longest_gap(2), longest_gap(1) * 1.25 + 1);
}

}  // namespace
}  // namespace xc::engine
