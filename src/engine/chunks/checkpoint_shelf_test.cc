#include "engine/chunks/checkpoint_shelf.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

// Sequences are texts; a state is the text.
class Texts final : public StateCopier {
 public:
  KvBytes copy_state(int seq) override {
    ++copied;
    return held[seq];
  }
  bool restore_state(int seq, std::span<const std::byte> state) override {
    if (refuse) return false;
    held[seq].assign(state.begin(), state.end());
    return true;
  }
  std::map<int, KvBytes> held;
  int copied = 0;
  bool refuse = false;
};

KvBytes state_of(int what, std::size_t bytes = 1000) {
  return KvBytes(bytes, static_cast<std::byte>(what));
}

TEST(CheckpointShelf, serves_the_longest_whole_beginning_of_a_tenant) {
  Texts texts;
  CheckpointShelf shelf(texts, 1 << 20);
  texts.held[0] = state_of(1);
  texts.held[1] = state_of(2);
  EXPECT_EQ(shelf.save("a", 0, prompt_of(1, 100)).bytes, 1000u);
  EXPECT_EQ(shelf.save("a", 1, prompt_of(1, 150)).tokens, 150);
  EXPECT_EQ(shelf.save("a", 1, prompt_of(1, 150)).bytes, 0u);  // it is there
  EXPECT_EQ(texts.copied, 2);
  const auto asked = prompt_of(1, 140) + prompt_of(2, 50);
  EXPECT_EQ(shelf.find("a", asked, 189).tokens, 100);  // 150 is not a beginning of it
  EXPECT_EQ(shelf.common("a", asked), 140);
  EXPECT_EQ(shelf.find("a", prompt_of(1, 200), 199).tokens, 150);
  EXPECT_EQ(shelf.find("a", prompt_of(1, 200), 149).tokens, 100);
  EXPECT_EQ(shelf.find("b", asked, 189).tokens, 0);  // another tenant
  EXPECT_EQ(shelf.common("b", asked), 0);
  EXPECT_EQ(shelf.load("a", 5, asked, 0, 100).tokens, 100);
  EXPECT_EQ(texts.held[5], state_of(1));
}

TEST(CheckpointShelf, forgets_what_cannot_be_restored_and_keeps_what_a_sequence_holds) {
  Texts texts;
  CheckpointShelf shelf(texts, 1 << 20);
  texts.held[0] = state_of(1);
  shelf.save("a", 0, prompt_of(1, 100));
  EXPECT_EQ(shelf.load("a", 0, prompt_of(1, 120), 80, 100).tokens, 80);
  texts.refuse = true;
  EXPECT_EQ(shelf.load("a", 0, prompt_of(1, 120), 0, 100).tokens, 0);
  EXPECT_EQ(shelf.find("a", prompt_of(1, 120), 119).tokens, 0);
  EXPECT_EQ(shelf.bytes(), 0u);
}

TEST(CheckpointShelf, stays_within_its_bytes_and_drops_the_least_recently_used) {
  Texts texts;
  CheckpointShelf shelf(texts, 5000);
  texts.held[0] = state_of(1);
  shelf.save("a", 0, prompt_of(1, 100));
  shelf.save("a", 0, prompt_of(2, 100));
  shelf.save("a", 0, prompt_of(3, 100));
  EXPECT_EQ(shelf.load("a", 1, prompt_of(1, 101), 0, 100).tokens, 100);  // used: stays
  shelf.save("a", 0, prompt_of(4, 100));
  EXPECT_LE(shelf.bytes(), 5000u);
  EXPECT_EQ(shelf.find("a", prompt_of(1, 101), 100).tokens, 100);
  EXPECT_EQ(shelf.find("a", prompt_of(2, 101), 100).tokens, 0);
  texts.held[0] = state_of(1, 6000);
  EXPECT_EQ(shelf.save("a", 0, prompt_of(5, 10)).tokens, 0);  // larger than all of it
  auto with_image = prompt_of(6, 10);
  with_image.push_back(kMediaToken);
  EXPECT_EQ(shelf.save("a", 0, with_image).tokens, 0);
}

// In a memory that cannot be cut: the second to share a beginning leaves a state where they part,
// the third has it.
TEST(CheckpointShelf, a_shared_beginning_is_computed_twice_not_each_time) {
  Bench bench(options_of(4096, 8, false), true);
  const auto shared = prompt_of(1, 300);
  std::vector<int> cached;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const int ticket = bench->submit(ask_for(shared + prompt_of(10 + i, 40)));
    bench.finish();
    cached.push_back(bench->answer(ticket).cached);
  }
  EXPECT_EQ(cached, (std::vector<int>{0, 0, 300, 300, 300}));
  bench.all_right();
}

TEST(CheckpointShelf, a_turn_whose_answer_was_written_otherwise_begins_at_the_last_prompt) {
  Bench bench(options_of(4096, 8, false), true);
  const auto first = prompt_of(1, 200);
  bench->submit(ask_for(first));
  bench.finish();
  const int next = bench->submit(ask_for(first + prompt_of(2, 60)));
  bench.finish();
  EXPECT_EQ(bench->answer(next).cached, 200);
  bench.all_right();
}

TEST(CheckpointShelf, who_had_to_leave_comes_back_with_its_state) {
  Bench bench(options_of(900, 8, false), true);
  for (std::uint64_t i = 0; i < 6; ++i) bench->submit(ask_for(prompt_of(i, 100), 500));
  bench.finish();
  bench.all_right();
  EXPECT_GT(bench.counters().preemptions, 0u);
  EXPECT_GT(bench.counters().swaps_in_ram, 0u);
}

}  // namespace
}  // namespace xc::engine
