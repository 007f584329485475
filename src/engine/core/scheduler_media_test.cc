// Guesses, images, and memories that cannot be cut.
#include <gtest/gtest.h>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

TEST(SchedulerMedia, guesses_never_change_an_answer) {
  for (const bool quotes : {true, false}) {
    Bench bench(options_of(2048), true);
    for (std::uint64_t i = 0; i < 6; ++i) {
      Ask ask = ask_for(prompt_of(i, 150), 400);
      ask.speculation = true;
      ask.quotes = quotes;
      ask.may_stop = i % 2 == 0;
      ask.n = i == 3 ? 2 : 1;
      bench->submit(ask);
    }
    bench.finish();
    bench.all_right();
    if (quotes) {
      EXPECT_GT(bench.counters().accepted, 100u);
      EXPECT_LT(bench.counters().accepted, bench.counters().drafted);
    }
  }
}

Ask with_image(int before, int tokens, int after, std::uint64_t seed) {
  Ask ask;
  ask.prompt = prompt_of(seed, before) +
               std::vector<Token>(static_cast<std::size_t>(tokens), kMediaToken) +
               prompt_of(seed + 1, after);
  ask.image_at = before;
  ask.image_tokens = tokens;
  return ask;
}

TEST(SchedulerMedia, images_are_not_shared_and_what_is_before_them_is) {
  for (const bool with_shelf : {false, true}) {
    for (const int before : {0, 40, 256, 300}) {
      Bench bench(options_of(), with_shelf);
      bench->submit(with_image(before, 64, 30, 1));
      bench.finish();
      bench->submit(with_image(before, 80, 30, 1));  // another image
      bench.finish();
      bench.all_right();
      EXPECT_EQ(bench->answer(1).cached, before);
    }
  }
}

TEST(SchedulerMedia, an_image_beside_others_that_decode) {
  Bench bench(options_of(1024), true);
  bench->submit(ask_for(prompt_of(9, 100), 300));
  for (int i = 0; i < 5; ++i) bench->step();
  for (int i = 0; i < 4; ++i) bench->submit(with_image(20, 200, 30, 1));
  bench.finish();
  bench.all_right();
}

TEST(SchedulerMedia, guesses_do_not_ride_before_images) {  // simulation, seed 3288
  Bench bench(options_of(1024));
  Ask ask = with_image(1, 64, 30, 1);
  ask.speculation = ask.quotes = true;
  ask.max_tokens = 300;
  ask.priority = 2;
  const int ticket = bench->submit(ask);
  for (int i = 0; i < 40; ++i) bench->step();
  ASSERT_EQ(bench->answer(ticket).ended, 0);
  Ask urgent = ask_for(prompt_of(7, 900), 20);  // sends it away: it begins anew
  urgent.priority = 0;
  bench->submit(urgent);
  bench.finish();
  bench.all_right();
  EXPECT_EQ(bench.counters().preemptions, 1u);
}

TEST(SchedulerMedia, guesses_do_not_ride_behind_images_with_positions_of_their_own) {
  Bench bench(options_of(), true);
  Ask ask = with_image(40, 64, 40, 1);
  ask.image_positions = 8;
  ask.speculation = ask.quotes = true;
  ask.max_tokens = 200;
  bench->submit(ask);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerMedia, a_memory_that_cannot_be_cut) {
  Bench bench(options_of(2048, 8, false), true);
  const auto chat = prompt_of(1, 200);
  bench->submit(ask_for(chat));
  bench.finish();
  const auto next = chat + bench->answer(0).said.front() + prompt_of(2, 30);
  Ask forked = ask_for(next, 300);
  forked.n = 3;
  forked.speculation = forked.quotes = true;
  bench->submit(forked);
  for (std::uint64_t i = 0; i < 6; ++i) {
    Ask ask = ask_for(chat + prompt_of(30 + i, 100), 300);
    ask.speculation = ask.quotes = true;
    bench->submit(ask);
  }
  bench.finish();
  bench.all_right();
  EXPECT_EQ(bench->answer(1).cached, 215);
}

}  // namespace
}  // namespace xc::engine
