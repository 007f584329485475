// What one has computed serves the others: live, retained, awaited, from the shelf.
#include <gtest/gtest.h>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

TEST(SchedulerShare, shares_the_prompt_of_one_that_still_answers) {
  Bench bench(options_of());
  const auto system = prompt_of(1, 300);
  bench->submit(ask_for(system + prompt_of(2, 20), 200));
  for (int i = 0; i < 10; ++i) bench->step();
  bench->submit(ask_for(system + prompt_of(3, 20)));
  bench.finish();
  bench.all_right();
  EXPECT_EQ(bench.counters().cached_live, 300u);
  EXPECT_EQ(bench.counters().prompt_computed, 340u);
}

TEST(SchedulerShare, sixteen_with_one_prompt_compute_it_once) {  // E1
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(), with_shelf);
    const auto shared = prompt_of(1, 2048);
    for (std::uint64_t i = 0; i < 16; ++i) bench->submit(ask_for(shared + prompt_of(10 + i, 64)));
    bench.finish();
    bench.all_right();
    EXPECT_LE(bench.counters().prompt_computed, 3300u);
    EXPECT_EQ(bench.counters().preemptions, 0u);
  }
}

TEST(SchedulerShare, a_cancelled_leader_is_followed_by_one_not_by_all) {
  Bench bench(options_of());
  const auto shared = prompt_of(1, 2048);
  for (std::uint64_t i = 0; i < 16; ++i) bench->submit(ask_for(shared + prompt_of(10 + i, 64)));
  for (int i = 0; i < 2; ++i) bench->step();
  bench->cancel(0);
  bench.finish();
  EXPECT_LE(bench.counters().prompt_computed, 2u * 512 + 3300);
}

TEST(SchedulerShare, prompts_that_branch_twice_are_computed_once_each) {
  Bench bench(options_of());
  const auto system = prompt_of(1, 600);
  for (std::uint64_t document = 0; document < 2; ++document) {
    const auto shared = system + prompt_of(100 + document, 800);
    for (std::uint64_t i = 0; i < 4; ++i) {
      bench->submit(ask_for(shared + prompt_of(10 * document + i, 32)));
    }
  }
  bench.finish();
  bench.all_right();
  EXPECT_LE(bench.counters().prompt_computed, 600u + 2 * 800 + 8 * 32 + 64);
}

TEST(SchedulerShare, nobody_waits_for_the_prompt_of_a_lower_class) {
  Bench bench(options_of());
  const auto shared = prompt_of(1, 4000);
  Ask background = ask_for(shared + prompt_of(2, 10));
  background.priority = 2;
  bench->submit(background);
  bench->step();
  Ask urgent = ask_for(shared + prompt_of(3, 10));
  urgent.priority = 0;
  bench->submit(urgent);
  for (int i = 0; i < 3; ++i) bench->step();
  EXPECT_EQ(bench.counters().held_for_prefix, 0u);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerShare, alternating_chats_compute_each_token_about_once) {  // E2
  for (const std::uint64_t chats : {2, 8, 32}) {
    Bench bench(options_of(), true);
    const auto system = prompt_of(1, 2048);
    std::vector<std::vector<Token>> history;
    for (std::uint64_t c = 0; c < chats; ++c) history.push_back(system + prompt_of(50 + c, 1024));
    std::uint64_t needed = 2048 + chats * 1024;
    for (std::uint64_t turn = 0; turn < 4; ++turn) {
      for (std::uint64_t c = 0; c < chats; ++c) {
        history[c] = history[c] + prompt_of(1000 * turn + c, 32);
        const int ticket = bench->submit(ask_for(history[c]));
        bench.finish();
        ASSERT_TRUE(bench->right(ticket));
        history[c] = history[c] + bench->answer(ticket).said.front();
        needed += 33;  // and the last token of the answer before
      }
    }
    EXPECT_LE(bench.counters().prompt_computed, needed * 11 / 10) << chats << " chats";
  }
}

TEST(SchedulerShare, tenants_do_not_share) {
  Bench bench(options_of(), true);
  bench->submit(ask_for(prompt_of(1, 600)));
  bench.finish();
  Ask other = ask_for(prompt_of(1, 600));
  other.tenant = "b";
  bench->submit(other);
  bench.finish();
  EXPECT_EQ(bench->answer(1).cached, 0);
}

TEST(SchedulerShare, a_shelf_that_finds_and_then_gives_nothing) {
  Bench bench(options_of(1024, 4), true);
  bench->submit(ask_for(prompt_of(1, 600)));
  bench.finish();
  for (std::uint64_t i = 0; i < 3; ++i) {  // nothing of it stays live
    bench->submit(ask_for(prompt_of(10 + i, 900)));
    bench.finish();
  }
  bench.device.copies_in = false;
  const int ticket = bench->submit(ask_for(prompt_of(1, 600)));
  bench->step();
  bench->cancel(ticket);
  bench.finish();
  for (std::uint64_t i = 0; i < 8; ++i)
    bench->submit(ask_for(prompt_of(1, 100) + prompt_of(i, 50)));
  bench.finish();
  for (int i = ticket + 1; i < bench->count(); ++i) EXPECT_TRUE(bench->right(i));
}

TEST(SchedulerShare, everything_is_saved_before_the_end) {
  Bench bench(options_of(), true);
  bench->submit(ask_for(prompt_of(1, 600), 300));
  for (int i = 0; i < 30; ++i) bench->step();
  bench->scheduler().save_all();
  EXPECT_EQ(bench->fault(), "");
  const auto found = bench.shelf->find("t", prompt_of(1, 600), 600);
  EXPECT_EQ(found.tokens, 600);
}

}  // namespace
}  // namespace xc::engine
