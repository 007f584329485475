#include "engine/chunks/chunk_key.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {
namespace {

TEST(ChunkKey, EveryPartOfTheIdentityDecides) {
  const ChunkIdentity base = identity_of();
  std::vector<ChunkIdentity> others(8, base);
  others[1].model += "x";
  others[2].program += "x";
  others[3].k_type = "q8_0";
  others[4].v_type = "q8_0";
  others[5].layout += "x";
  others[6].lora += "x";
  others[7].rope += "x";
  std::set<Digest> roots, ids;
  for (const auto& identity : others) {
    const auto space = make_space(identity, "t", secret_of(1));
    roots.insert(space->root);
    ids.insert(space->id);
  }
  EXPECT_EQ(roots.size(), others.size());
  EXPECT_EQ(ids.size(), others.size());
}

TEST(ChunkKey, FieldsDoNotRunIntoEachOther) {
  ChunkIdentity one = identity_of(), two = identity_of();
  one.k_type = "f1";
  one.v_type = "6f16";
  two.k_type = "f16";
  two.v_type = "f16";
  EXPECT_NE(make_space(one, "t", secret_of(1))->root, make_space(two, "t", secret_of(1))->root);
}

TEST(ChunkKey, TheSecretSeparatesTenantsAndMarksTheirSpaces) {
  const auto a = make_space(identity_of(), "a", secret_of(1));
  const auto b = make_space(identity_of(), "b", secret_of(2));
  const auto a2 = make_space(identity_of("model-b"), "a", secret_of(1));
  EXPECT_NE(a->root, b->root);
  EXPECT_NE(tag_of_space(a->id), tag_of_space(b->id));
  EXPECT_EQ(tag_of_space(a->id), tag_of_space(a2->id));
  EXPECT_EQ(tag_of_space(a->id), tag_of(secret_of(1)));
  EXPECT_NE(chain_of(a, 0, 1)[0].key, chain_of(b, 0, 1)[0].key);
}

TEST(ChunkKey, AKeyDependsOnAllTokensBefore) {
  const auto space = make_space(identity_of(), "a", secret_of(1));
  auto tokens = tokens_from(7, 3);
  ChunkChain one(space), two(space);
  one.extend(tokens);
  tokens[0] += 1;
  two.extend(tokens);
  ASSERT_EQ(one.size(), 3u);
  EXPECT_EQ(one[2].tokens, two[2].tokens);
  EXPECT_NE(one[2].key, two[2].key);
  EXPECT_EQ(one[1].previous, one[0].key);
  EXPECT_EQ(one[0].previous, Digest{});
}

TEST(ChunkKey, GrowsByWholeChunksInAnySteps) {
  const auto space = make_space(identity_of(), "a", secret_of(1));
  const auto tokens = tokens_from(0, 3);
  ChunkChain steps(space), whole(space);
  whole.extend(tokens);
  for (const std::size_t length : {0u, 255u, 256u, 257u, 700u, 768u}) {
    steps.extend(std::span(tokens).first(length));
    EXPECT_EQ(steps.size(), length / kChunkTokens);
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(steps[i].key, whole[i].key);
}

TEST(ChunkKey, StopsBeforeAnImage) {
  auto tokens = tokens_from(0, 3);
  tokens[300] = kMediaToken;
  ChunkChain chain(make_space(identity_of(), "a", secret_of(1)));
  chain.extend(tokens);
  EXPECT_EQ(chain.size(), 1u);
  chain.extend(tokens);
  EXPECT_EQ(chain.size(), 1u);
}

TEST(ChunkKey, Hex) {
  const Digest digest = secret_of(0xa5);
  EXPECT_EQ(digest_of_hex(hex_of(digest)), digest);
  EXPECT_FALSE(digest_of_hex(""));
  EXPECT_FALSE(digest_of_hex(std::string(63, 'a')));
  EXPECT_FALSE(digest_of_hex(std::string(64, 'A')));
  EXPECT_FALSE(digest_of_hex(std::string(63, 'a') + "/"));
}

TEST(ByteHold, CountsWhileHeld) {
  auto gauge = std::make_shared<ByteGauge>(0);
  {
    ByteHold one(gauge, 10);
    ByteHold two(std::move(one));
    ByteHold three;
    three = std::move(two);
    EXPECT_EQ(*gauge, 10u);
  }
  EXPECT_EQ(*gauge, 0u);
}

}  // namespace
}  // namespace xc::engine
