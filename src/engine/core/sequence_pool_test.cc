#include "engine/core/sequence_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace xc::engine {
namespace {

// Keeps what a real cache would hold, to compare with what the pool believes.
struct FakeMemory : CacheMemory {
  int shares = 0;
  void share(int, int, int) override { ++shares; }
  bool drop(int, int) override { return true; }
};

std::vector<Token> tokens(int first, int count) {
  std::vector<Token> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

int start(SequencePool& pool, const std::vector<Token>& prompt, std::uint64_t salt = 1) {
  const auto claim = pool.claim(prompt, static_cast<int>(prompt.size()) - 1, 0, salt);
  EXPECT_TRUE(claim.has_value());
  const int left = static_cast<int>(prompt.size()) - claim->reused;
  pool.append(claim->seq, prompt.data() + claim->reused, left);
  return claim->seq;
}

TEST(SequencePool, a_continued_chat_takes_over_its_own_sequence) {
  FakeMemory memory;
  SequencePool pool(4, 1000, true, memory);
  auto prompt = tokens(0, 100);
  const int seq = start(pool, prompt);
  pool.release(seq, true);
  prompt.insert(prompt.end(), {7, 8, 9});
  const auto claim = pool.claim(prompt, 102, 0, 1);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->seq, seq);
  EXPECT_EQ(claim->reused, 100);
  EXPECT_EQ(memory.shares, 0);
}

TEST(SequencePool, two_chats_with_one_system_prompt_do_not_steal_from_each_other) {
  FakeMemory memory;
  SequencePool pool(4, 1000, true, memory);
  auto a = tokens(0, 200);
  auto b = tokens(0, 100);
  b.push_back(999);
  const int sa = start(pool, a);
  const int sb = start(pool, b);  // shares 100 live tokens
  EXPECT_NE(sa, sb);
  EXPECT_EQ(memory.shares, 1);
  EXPECT_EQ(pool.cells_used(), 201);
  pool.release(sa, true);
  pool.release(sb, true);
  a.push_back(5);
  const auto again = pool.claim(a, 200, 0, 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->reused, 200);  // b's turn cut nothing
}

TEST(SequencePool, tenants_do_not_share) {
  FakeMemory memory;
  SequencePool pool(4, 1000, true, memory);
  pool.release(start(pool, tokens(0, 50), 1), true);
  const auto claim = pool.claim(tokens(0, 60), 59, 0, 2);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->reused, 0);
}

TEST(SequencePool, room_is_made_from_retained_sequences_only) {
  FakeMemory memory;
  SequencePool pool(8, 300, true, memory);
  pool.release(start(pool, tokens(0, 100)), true);
  pool.release(start(pool, tokens(1000, 100)), true);
  const int live = start(pool, tokens(2000, 150));  // evicts the oldest
  EXPECT_EQ(pool.retained(), 1);
  EXPECT_FALSE(pool.claim(tokens(3000, 200), 199, 0, 1).has_value());  // the live one stays
  pool.release(live, false);
  EXPECT_TRUE(pool.claim(tokens(3000, 200), 199, 0, 1).has_value());
}

TEST(SequencePool, an_uncuttable_memory_reuses_whole_sequences_only) {
  FakeMemory memory;
  SequencePool pool(4, 1000, false, memory);
  auto prompt = tokens(0, 100);
  pool.release(start(pool, prompt), true);
  auto other = tokens(0, 90);
  other.push_back(-5);
  EXPECT_EQ(pool.claim(other, 90, 0, 1)->reused, 0);
  prompt.push_back(4);
  EXPECT_EQ(pool.claim(prompt, 100, 0, 1)->reused, 100);
  EXPECT_EQ(memory.shares, 0);
}

TEST(SequencePool, media_positions_are_never_equal) {
  FakeMemory memory;
  SequencePool pool(4, 1000, true, memory);
  std::vector<Token> prompt{1, 2, kMediaToken, kMediaToken, 3, 4};
  pool.release(start(pool, prompt), true);
  EXPECT_EQ(pool.claim(prompt, 5, 0, 1)->reused, 2);
}

TEST(SequencePool, ten_thousand_short_requests_leave_nothing_behind) {
  FakeMemory memory;
  SequencePool pool(16, 512, true, memory);
  for (int i = 0; i < 10'000; ++i) {
    const int seq = start(pool, tokens(i % 37, 5 + i % 90));
    pool.release(seq, i % 2 == 0);
    ASSERT_LE(pool.cells_used(), 512);
  }
  while (pool.evict_one()) {
  }
  EXPECT_EQ(pool.cells_used(), 0);
  EXPECT_EQ(pool.live(), 0);
}

}  // namespace
}  // namespace xc::engine
