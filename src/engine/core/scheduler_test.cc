#include "engine/core/scheduler.h"

#include <gtest/gtest.h>

#include "engine/core/scheduler_rig.h"

namespace xc::engine {
namespace {

using std::chrono::milliseconds;

constexpr int kCells = 8192;

SchedulerOptions options_of(int cells = kCells, int sequences = 64, bool can_share = true) {
  SchedulerOptions options;
  options.cells = cells;
  options.sequences = sequences;
  options.can_share = can_share;
  return options;
}

// A rig with its device, and a shelf in memory where asked for.
struct Bench {
  explicit Bench(const SchedulerOptions& options, bool with_shelf = false)
      : device(options.sequences, options.cells, options.can_share) {
    if (with_shelf) open_shelf();
    rig.emplace(options, device, shelf.get(), [this] {
      if (shelf) shelf->poll();
    });
  }
  void open_shelf() {
    ChunkStoreOptions set;
    set.ram_bytes_max = 256u << 20;
    auto opened = ChunkStore::open(set, clock, random, [] {});
    ASSERT_TRUE(opened);
    store = *std::move(opened);
    shelf = std::make_unique<ChunkShelf>(*store, device, 64u << 20);
    for (const char* tenant : {"t", "a", "b"}) {
      auto space = store->open_space({"m", "1", "f16", "f16", "u", "", "r"}, tenant);
      ASSERT_TRUE(space);
      shelf->set_space(tenant, *space);
    }
  }
  SchedulerRig* operator->() { return &*rig; }
  const SchedulerCounters& counters() { return rig->scheduler().counters(); }

  // Runs to the end, checking at every turn.
  void finish(int turns_max = 100'000) {
    for (int turn = 0; turn < turns_max && !rig->scheduler().idle(); ++turn) {
      rig->step();
      const std::string fault = rig->fault();
      if (!fault.empty()) FAIL() << fault << " at turn " << turn;
    }
    ASSERT_TRUE(rig->scheduler().idle()) << "somebody never ends";
    EXPECT_EQ(rig->scheduler().pool().live(), 0);
    EXPECT_EQ(rig->scheduler().queue().running(), 0u);
    EXPECT_EQ(rig->scheduler().queue().waiting(), 0u);
  }
  void all_right() {
    for (int i = 0; i < rig->count(); ++i) EXPECT_TRUE(rig->right(i)) << "request " << i;
  }

  ManualClock clock;
  SeededRandom random{7};
  FakeDevice device;
  std::unique_ptr<ChunkStore> store;
  std::unique_ptr<ChunkShelf> shelf;
  std::optional<SchedulerRig> rig;
};

Ask ask_for(std::vector<Token> prompt, int max_tokens = 16) {
  Ask ask;
  ask.prompt = std::move(prompt);
  ask.max_tokens = max_tokens;
  return ask;
}

TEST(Scheduler, shares_the_prompt_of_one_that_still_answers) {
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

TEST(Scheduler, sixteen_with_one_prompt_compute_it_once) {  // E1
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

TEST(Scheduler, a_cancelled_leader_is_followed_by_one_not_by_all) {
  Bench bench(options_of());
  const auto shared = prompt_of(1, 2048);
  for (std::uint64_t i = 0; i < 16; ++i) bench->submit(ask_for(shared + prompt_of(10 + i, 64)));
  for (int i = 0; i < 2; ++i) bench->step();
  bench->cancel(0);
  bench.finish();
  EXPECT_LE(bench.counters().prompt_computed, 2u * 512 + 3300);
}

TEST(Scheduler, prompts_that_branch_twice_are_computed_once_each) {
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

TEST(Scheduler, nobody_waits_for_the_prompt_of_a_lower_class) {
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

TEST(Scheduler, alternating_chats_compute_each_token_about_once) {  // E2
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

TEST(Scheduler, more_than_fits_completes_with_the_same_text) {  // E5
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

TEST(Scheduler, choices_that_do_not_fit_together_complete_one_after_another) {
  for (const bool with_shelf : {false, true}) {
    Bench bench(options_of(1024), with_shelf);
    Ask ask = ask_for(prompt_of(1, 300), 500);
    ask.n = 8;
    bench->submit(ask);
    bench.finish();
    bench.all_right();
  }
}

TEST(Scheduler, preempted_choices_share_their_prompt_again) {
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

TEST(Scheduler, a_device_that_is_full_before_its_time_fails_nobody) {
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

TEST(Scheduler, a_higher_class_takes_the_room_of_a_lower_one) {
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

TEST(Scheduler, a_higher_class_does_not_queue_behind_a_lower_one_that_finds_no_room) {
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

TEST(Scheduler, what_was_saved_is_not_charged_to_the_cache_twice) {
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

TEST(Scheduler, a_long_request_is_not_starved_by_a_stream_of_short_ones) {
  Bench bench(options_of(2048));
  for (std::uint64_t i = 0; i < 4; ++i) bench->submit(ask_for(prompt_of(i, 60), 60));
  for (int i = 0; i < 5; ++i) bench->step();
  Ask large = ask_for(prompt_of(100, 1900), 100);
  large.tenant = "a";
  const int ticket = bench->submit(large);
  for (std::uint64_t turn = 0; turn < 3000 && bench->answer(ticket).ended == 0; ++turn) {
    if (turn % 10 == 0) bench->submit(ask_for(prompt_of(1000 + turn, 60), 60));
    bench->step();
  }
  EXPECT_TRUE(bench->right(ticket));
  bench.finish();
}

TEST(Scheduler, few_sequences_are_all_used) {
  Bench bench(options_of(4096, 4));
  for (std::uint64_t i = 0; i < 4; ++i) bench->submit(ask_for(prompt_of(i, 600), 50));
  for (int i = 0; i < 12; ++i) bench->step();
  EXPECT_EQ(bench->scheduler().pool().live(), 4);
  bench.finish();
  bench.all_right();
}

TEST(Scheduler, a_retained_sequence_with_another_end_gives_its_place) {
  Bench bench(options_of(2048, 1));
  const auto start = prompt_of(1, 100);
  bench->submit(ask_for(start + prompt_of(2, 100)));
  bench.finish();
  bench->submit(ask_for(start + prompt_of(3, 100)));
  bench.finish();
  bench.all_right();
}

TEST(Scheduler, a_large_donor_of_little_gives_its_cells) {
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

TEST(Scheduler, who_finds_no_room_costs_others_nothing) {
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

TEST(Scheduler, a_lagging_reader_stops_alone) {
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

TEST(Scheduler, lagging_readers_give_their_room_to_who_reads) {
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

TEST(Scheduler, a_lagging_reader_in_the_only_room_leaves) {
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

// Requests in every state at once: waiting, in the cache, held for a prefix, preempted, parked.
struct EveryState {
  EveryState() : bench(options_of(1024, 8), true) {
    const auto shared = prompt_of(1, 300);
    for (std::uint64_t i = 0; i < 3; ++i) add(ask_for(shared + prompt_of(10 + i, 20), 150));
    Ask ask = ask_for(prompt_of(2, 300), 200);
    ask.n = 3;
    add(ask);
    for (std::uint64_t i = 0; i < 12; ++i) add(ask_for(prompt_of(20 + i, 250), 100));
  }
  void add(Ask ask) {
    ask.deadline = deadline;
    bench->submit(ask);
  }
  Deadline deadline = Deadline::never();
  Bench bench;
};

TEST(Scheduler, cancel_in_every_state_ends_each_once) {
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

TEST(Scheduler, deadlines_end_each_once_in_every_state) {
  for (int after_ms = 1; after_ms < 20'000; after_ms = after_ms * 2 + 37) {
    Bench bench(options_of(1024, 8), true);
    const auto shared = prompt_of(1, 300);
    for (std::uint64_t i = 0; i < 16; ++i) {
      Ask ask = ask_for(i < 3 ? shared + prompt_of(10 + i, 20) : prompt_of(i, 250), 100);
      ask.n = i == 4 ? 3 : 1;
      ask.deadline = Deadline::at(bench->now() + milliseconds(after_ms));
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

TEST(Scheduler, choices_without_a_free_sequence_wait_for_one) {
  Bench bench(options_of(4096, 3));
  Ask ask = ask_for(prompt_of(1, 100), 40);
  ask.n = 8;
  bench->submit(ask);
  bench->submit(ask_for(prompt_of(2, 50), 40));
  bench.finish();
  bench.all_right();
}

TEST(Scheduler, guesses_never_change_an_answer) {
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

TEST(Scheduler, images_are_not_shared_and_what_is_before_them_is) {
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

TEST(Scheduler, an_image_beside_others_that_decode) {
  Bench bench(options_of(1024), true);
  bench->submit(ask_for(prompt_of(9, 100), 300));
  for (int i = 0; i < 5; ++i) bench->step();
  for (int i = 0; i < 4; ++i) bench->submit(with_image(20, 200, 30, 1));
  bench.finish();
  bench.all_right();
}

TEST(Scheduler, guesses_do_not_ride_before_images) {  // simulation, seed 3288
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

TEST(Scheduler, guesses_do_not_ride_behind_images_with_positions_of_their_own) {
  Bench bench(options_of(), true);
  Ask ask = with_image(40, 64, 40, 1);
  ask.image_positions = 8;
  ask.speculation = ask.quotes = true;
  ask.max_tokens = 200;
  bench->submit(ask);
  bench.finish();
  bench.all_right();
}

TEST(Scheduler, a_memory_that_cannot_be_cut) {
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

TEST(Scheduler, a_full_queue_refuses_and_says_when) {
  SchedulerOptions options = options_of(1024, 4);
  options.queue.waiting_max = 6;
  options.queue.tenant_waiting_max = 4;
  Bench bench(options);
  for (std::uint64_t i = 0; i < 6; ++i) bench->submit(ask_for(prompt_of(i, 100)));
  EXPECT_EQ(bench->answer(5).error, Code::RateLimited);
  Ask other = ask_for(prompt_of(8, 100));
  other.tenant = "b";
  const int ticket = bench->submit(other);
  bench.finish();
  EXPECT_TRUE(bench->right(ticket));
  EXPECT_EQ(bench.counters().refused, 2u);
}

TEST(Scheduler, a_shelf_that_finds_and_then_gives_nothing) {
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

TEST(Scheduler, tenants_do_not_share) {
  Bench bench(options_of(), true);
  bench->submit(ask_for(prompt_of(1, 600)));
  bench.finish();
  Ask other = ask_for(prompt_of(1, 600));
  other.tenant = "b";
  bench->submit(other);
  bench.finish();
  EXPECT_EQ(bench->answer(1).cached, 0);
}

// E6. One tenant sends 64 long requests at once, another one short one each second.
double short_ttft_p95(bool beside, double& a_ends_ms, bool shared_prompt) {
  Bench bench(options_of(), true);
  const SteadyTime start = bench->now();
  if (beside) {
    for (std::uint64_t i = 0; i < 64; ++i) {
      Ask ask =
          ask_for(shared_prompt ? prompt_of(500, 700) + prompt_of(i, 100) : prompt_of(i, 800), 100);
      ask.tenant = "a";
      bench->submit(ask);
    }
  }
  std::vector<int> shorts;
  SteadyTime next = start;
  while (shorts.size() < 40) {
    if (bench->now() >= next) {
      Ask ask = ask_for(prompt_of(1000 + shorts.size(), 32), 8);
      ask.tenant = "b";
      shorts.push_back(bench->submit(ask));
      next += std::chrono::seconds(1);
    }
    bench->step();
  }
  bench.finish();
  bench.all_right();
  std::vector<double> ttft;
  for (const int ticket : shorts) ttft.push_back(bench->answer(ticket).ttft_ms());
  std::sort(ttft.begin(), ttft.end());
  a_ends_ms = 0;
  for (int i = 0; beside && i < 64; ++i) {
    a_ends_ms = std::max(a_ends_ms, bench->answer(i).total_ms());
  }
  return ttft[ttft.size() * 95 / 100];
}

TEST(Scheduler, short_requests_of_one_tenant_beside_long_ones_of_another) {
  double ends = 0;
  const double alone = short_ttft_p95(false, ends, false);
  for (const bool shared_prompt : {false, true}) {
    const double beside = short_ttft_p95(true, ends, shared_prompt);
    const double step = 5 + 2.5 * 512;  // a whole step while nobody decodes
    EXPECT_LE(beside, 2 * alone + step) << "shared " << shared_prompt;
  }
}

TEST(Scheduler, the_same_arrivals_make_the_same_steps) {
  std::uint64_t traces[2];
  for (std::uint64_t& trace : traces) {
    EveryState all;
    all.bench.finish();
    trace = all.bench->trace();
  }
  EXPECT_EQ(traces[0], traces[1]);
}

TEST(Scheduler, everything_is_saved_before_the_end) {
  Bench bench(options_of(), true);
  bench->submit(ask_for(prompt_of(1, 600), 300));
  for (int i = 0; i < 30; ++i) bench->step();
  bench->scheduler().save_all();
  EXPECT_EQ(bench->fault(), "");
  const auto found = bench.shelf->find("t", prompt_of(1, 600), 600);
  EXPECT_EQ(found.tokens, 600);
}

TEST(Scheduler, ten_thousand_requests_leave_nothing) {
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
