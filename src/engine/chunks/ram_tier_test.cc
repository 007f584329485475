#include "engine/chunks/ram_tier.h"

#include <gtest/gtest.h>

#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {
namespace {

class RamTierTest : public ::testing::Test {
 protected:
  bool put(std::size_t i) {
    if (!ram_.make_room(100, evicted_)) return false;
    auto bytes = payload_of(chain_[i], 100);
    ram_.add(std::make_shared<const Chunk>(chain_[i], std::move(bytes), 0, 100, ram_.hold(100)));
    return true;
  }
  bool has(std::size_t i) const { return ram_.find(chain_[i]) != nullptr; }

  ChunkSpaceRef space_ = make_space(identity_of(), "a", secret_of(1));
  ChunkChain chain_ = chain_of(space_, 0, 6);
  RamTier ram_{300};
  std::uint64_t evicted_ = 0;
};

TEST_F(RamTierTest, EvictsTheLeastRecentlyUsed) {
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(put(i));
  ram_.use(chain_[0].key);
  ASSERT_TRUE(put(3));
  EXPECT_EQ(evicted_, 1u);
  EXPECT_TRUE(has(0));
  EXPECT_FALSE(has(1));
  EXPECT_EQ(ram_.bytes(), 300u);
  EXPECT_EQ(ram_.size(), 3u);
}

TEST_F(RamTierTest, PinnedChunksStayAndCountOnce) {
  ASSERT_TRUE(put(0));
  std::vector<ChunkRef> pins(5, ram_.find(chain_[0]));
  EXPECT_EQ(ram_.bytes(), 100u);
  for (std::size_t i = 1; i < 5; ++i) ASSERT_TRUE(put(i));
  EXPECT_TRUE(has(0));
  EXPECT_EQ(ram_.bytes(), 300u);
}

TEST_F(RamTierTest, EvictsNothingWhenPinsLeaveTooLittle) {
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(put(i));
  const ChunkRef one = ram_.find(chain_[0]);
  const ChunkRef two = ram_.find(chain_[1]);
  EXPECT_FALSE(ram_.make_room(150, evicted_));
  EXPECT_EQ(evicted_, 0u);
  EXPECT_TRUE(has(2));
  EXPECT_FALSE(ram_.make_room(301, evicted_));
  EXPECT_TRUE(ram_.make_room(100, evicted_));
  EXPECT_FALSE(has(2));
}

TEST_F(RamTierTest, BytesOfRemovedButHeldChunksStillCount) {
  ASSERT_TRUE(put(0));
  ChunkRef held = ram_.find(chain_[0]);
  ram_.remove_tenant("a");
  EXPECT_FALSE(has(0));
  EXPECT_EQ(ram_.bytes(), 100u);
  held.reset();
  EXPECT_EQ(ram_.bytes(), 0u);
}

TEST_F(RamTierTest, AnEqualKeyWithOtherTokensIsNoHit) {
  ASSERT_TRUE(put(0));
  ChunkLink link = chain_[0];
  link.tokens[0] += 1;
  EXPECT_EQ(ram_.find(link), nullptr);
}

TEST_F(RamTierTest, TheFirstOfTwoWins) {
  ASSERT_TRUE(put(0));
  const ChunkRef first = ram_.find(chain_[0]);
  EXPECT_EQ(ram_.add(chunk_of(chain_[0], 100)), first);
  EXPECT_EQ(ram_.size(), 1u);
}

}  // namespace
}  // namespace xc::engine
