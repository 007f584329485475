// What comes back from the disk: many chunks, damaged ones, some that are gone, the same ones
// twice.
#include "engine/chunks/chunk_store_test.h"
#include "engine/core/cores.h"

namespace xc::engine {
namespace {

TEST_F(ChunkStoreTest, ACorruptFileEndsTheChainThere) {
  {
    const auto store = open_store();
    put(*store, chain(*store, "a", 4));
    EXPECT_TRUE(store->flush(seconds(60)));
  }
  const auto store = open_store();
  const auto c = chain(*store, "a", 4);
  const auto path = chunk_path(folder_.chunks(), c[2].space->id, c[2].key);
  std::string text = slurp(path);
  text[4'000] = static_cast<char>(text[4'000] ^ 4);
  spill(path, text);
  const auto chunks = fetch(*store, c);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(chunks->size(), 2u);
  EXPECT_EQ(store->stats().rejected, 1u);
  EXPECT_EQ(store->covered(c).known, 2u);
  EXPECT_EQ(store->stats().ram_bytes, 2 * kFile);  // promises are given back
  put(*store, c);                                  // computed again, written again
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->stats().disk_chunks, 4u);
}

TEST_F(ChunkStoreTest, ALargeLoadIsReadByAFewAtOnceAndEndsWhereOneIsMissing) {
  auto store = open_store();
  const auto own = chain(*store, "a", 40);
  put(*store, own);
  ASSERT_TRUE(store->flush(seconds(60)));
  store.reset();
  store = open_store();
  auto got = fetch(*store, own);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 40u);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ((*got)[i]->link().key, own[i].key);
    EXPECT_TRUE(has_payload(*(*got)[i], kPayload));
  }
  EXPECT_EQ(store->stats().hits_disk, 40u);
  if (cores_granted() > 1) EXPECT_GT(files_.readers_most(), 1);
  EXPECT_LE(files_.readers_most(), 4);
  got.reset();
  store.reset();
  store = open_store();
  std::filesystem::remove(chunk_path(folder_.chunks(), own.space()->id, own[31].key));
  got = fetch(*store, own);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size(), 31u);
  EXPECT_EQ(store->stats().vanished, 1u);
  EXPECT_EQ(store->stats().ram_bytes, 31 * kFile);  // what was read behind it is given back
}

TEST_F(ChunkStoreTest, FilesVanishUnderTheReader) {
  {
    const auto store = open_store();
    put(*store, chain(*store, "a", 3));
    EXPECT_TRUE(store->flush(seconds(60)));
  }
  const auto store = open_store();
  const auto c = chain(*store, "a", 3);
  std::filesystem::remove_all(space_folder(folder_.chunks(), c[0].space->id));
  const auto chunks = fetch(*store, c);
  ASSERT_TRUE(chunks);
  EXPECT_TRUE(chunks->empty());
  EXPECT_EQ(store->stats().vanished, 1u);
  EXPECT_EQ(store->stats().ram_bytes, 0u);
}

TEST_F(ChunkStoreTest, RequestsForTheSameChunksShareThem) {
  {
    const auto store = open_store();
    put(*store, chain(*store, "a", 4));
    EXPECT_TRUE(store->flush(seconds(60)));
  }
  const auto store = open_store(5);
  const auto c = chain(*store, "a", 4);
  std::vector<std::vector<ChunkRef>> got;
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(store->request(c, 0, 4, [&](auto chunks) { got.push_back(std::move(chunks)); }));
  }
  EXPECT_TRUE(store->flush(seconds(60)));
  store->poll();
  ASSERT_EQ(got.size(), 16u);
  for (const auto& chunks : got) EXPECT_EQ(chunks, got[0]);
  EXPECT_EQ(got[0].size(), 4u);
  EXPECT_EQ(store->stats().hits_disk, 4u);
  EXPECT_EQ(store->stats().ram_bytes, 4 * kFile);
}

}  // namespace
}  // namespace xc::engine
