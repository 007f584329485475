#include "engine/chunks/tail_tier.h"

#include <gtest/gtest.h>

#include <numeric>

namespace xc::engine {
namespace {

TailTier::Place place(std::uint8_t root, std::uint8_t after = 0) {
  TailTier::Place place{};
  place.first.fill(root);
  place.second.fill(after);
  return place;
}

Tail tail(int tokens, Token last = -1, std::size_t bytes = 100) {
  Tail tail;
  tail.tokens.resize(static_cast<std::size_t>(tokens));
  std::iota(tail.tokens.begin(), tail.tokens.end(), 0);
  if (last >= 0) tail.tokens.back() = last;
  tail.bytes.resize(bytes, static_cast<std::byte>(tokens));
  return tail;
}

TEST(TailTier, finds_the_longest_beginning) {
  TailTier tier(10'000);
  tier.put(place(1), tail(30, 999));
  tier.put(place(1), tail(40, 998));
  int common = 0;
  const Tail wanted = tail(100);
  const Tail* found = tier.find(place(1), wanted.tokens, common);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(common, 39);
  EXPECT_EQ(found->tokens.size(), 40u);
  EXPECT_EQ(tier.find(place(2), wanted.tokens, common), nullptr);
  EXPECT_EQ(common, 0);
  EXPECT_EQ(tier.find(place(1, 1), wanted.tokens, common), nullptr);
}

TEST(TailTier, a_longer_one_replaces_its_beginnings) {
  TailTier tier(10'000);
  tier.put(place(1), tail(30));
  tier.put(place(1), tail(20, 999));
  tier.put(place(1), tail(50));
  EXPECT_EQ(tier.bytes(), 200u);
  EXPECT_TRUE(tier.has(place(1), tail(50).tokens));
  EXPECT_TRUE(tier.has(place(1), tail(20, 999).tokens));
}

TEST(TailTier, has_what_a_longer_one_begins_with) {
  TailTier tier(10'000);
  tier.put(place(1), tail(50));
  EXPECT_TRUE(tier.has(place(1), tail(30).tokens));
  EXPECT_FALSE(tier.has(place(1), tail(51).tokens));
  EXPECT_FALSE(tier.has(place(1), tail(30, 999).tokens));
  EXPECT_FALSE(tier.has(place(2), tail(30).tokens));
}

TEST(TailTier, forgets_the_least_recently_used) {
  TailTier tier(300);
  tier.put(place(1), tail(20));
  tier.put(place(2), tail(20));
  tier.put(place(3), tail(20));
  EXPECT_TRUE(tier.has(place(1), tail(20).tokens));  // a use
  tier.put(place(4), tail(20));
  EXPECT_LE(tier.bytes(), 300u);
  EXPECT_TRUE(tier.has(place(1), tail(20).tokens));
  EXPECT_FALSE(tier.has(place(2), tail(20).tokens));
}

TEST(TailTier, what_is_larger_than_all_room_is_not_kept_and_costs_nothing) {
  TailTier tier(300);
  tier.put(place(1), tail(20));
  tier.put(place(2), tail(20, 5, 301));
  EXPECT_TRUE(tier.has(place(1), tail(20).tokens));
  EXPECT_EQ(tier.bytes(), 100u);
}

TEST(TailTier, a_chunk_takes_the_place_of_its_beginnings) {
  TailTier tier(10'000);
  tier.put(place(1), tail(30));
  tier.put(place(1), tail(31, 999));
  tier.drop_beginnings(place(1), tail(256).tokens);
  EXPECT_EQ(tier.bytes(), 100u);
  EXPECT_TRUE(tier.has(place(1), tail(31, 999).tokens));
}

}  // namespace
}  // namespace xc::engine
