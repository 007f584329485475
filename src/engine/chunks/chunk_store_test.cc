#include "engine/chunks/chunk_store_test.h"

#include <cerrno>
#include <random>

namespace xc::engine {
namespace {

TEST_F(ChunkStoreTest, FromRam) {
  const auto store = open_store();
  const auto c = chain(*store, "a", 3);
  EXPECT_EQ(store->covered(c).known, 0u);
  put(*store, c);
  EXPECT_EQ(store->covered(c).ram, 3u);
  const auto chunks = store->get(c, 1, 99);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_TRUE(has_payload(*chunks[1], kPayload));
  const auto stats = store->stats();
  EXPECT_EQ(stats.hits_ram, 2u);
  EXPECT_EQ(stats.misses, 3u);
  EXPECT_EQ(stats.ram_chunks, 3u);
  EXPECT_EQ(stats.ram_bytes, 3 * kPayload);
  EXPECT_FALSE(fetch(*store, c));  // nothing to bring from disk
}

TEST_F(ChunkStoreTest, WarmAfterARestart) {
  {
    const auto store = open_store();
    put(*store, chain(*store, "a", 5));
    EXPECT_TRUE(store->flush(seconds(60)));
    EXPECT_EQ(store->stats().disk_bytes, 5 * kFile);
    EXPECT_LE(store->stats().disk_bytes, 5 * kPayload * 12 / 10);
  }
  const auto store = open_store();
  EXPECT_TRUE(store->ready());
  const auto c = chain(*store, "a", 6);
  EXPECT_EQ(store->covered(c).ram, 0u);
  EXPECT_EQ(store->covered(c).known, 5u);
  EXPECT_EQ(store->state(c[4]), ChunkState::Disk);
  const auto chunks = fetch(*store, c);
  ASSERT_TRUE(chunks);
  ASSERT_EQ(chunks->size(), 5u);
  for (const auto& chunk : *chunks) EXPECT_TRUE(has_payload(*chunk, kPayload));
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(store->covered(c).ram, 5u);
  EXPECT_EQ(store->stats().hits_disk, 5u);
  EXPECT_EQ(store->stats().ram_bytes, 5 * kFile);
}

TEST_F(ChunkStoreTest, PutIsDeduplicated) {
  const auto store = open_store();
  const auto c = chain(*store, "a", 2);
  for (int i = 0; i < 3; ++i) put(*store, c);
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->stats().ram_chunks, 2u);
  EXPECT_EQ(store->stats().disk_chunks, 2u);
  EXPECT_EQ(store->stats().written, 2u);
  EXPECT_EQ(store->stats().misses, 2u);
}

TEST_F(ChunkStoreTest, TenantsAndIdentitiesNeverMeet) {
  const auto store = open_store();
  put(*store, chain(*store, "a", 2));
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->covered(chain(*store, "b", 2)).known, 0u);
  const auto other = chain_of(*store->open_space(identity_of("model-b"), "a"), 0, 2);
  EXPECT_EQ(store->covered(other).known, 0u);
  EXPECT_FALSE(fetch(*store, other));
  EXPECT_TRUE(store->get(other, 0, 2).empty());
}

TEST_F(ChunkStoreTest, AChainIsEvictedFromItsEnd) {
  const auto store = open_store(5);
  const auto c = chain(*store, "a", 4);
  for (std::size_t i = 0; i < c.size(); ++i) {  // one by one: two may wait for the disk
    store->put(c, i, payload_of(c[i], kPayload));
    EXPECT_TRUE(store->flush(seconds(60)));
  }
  put(*store, chain(*store, "a", 2, 5'000));
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->covered(c).ram, 3u);
  EXPECT_EQ(store->covered(c).known, 4u);
  EXPECT_LE(store->stats().ram_bytes, 5 * kFile);
  const auto chunks = fetch(*store, c);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(chunks->size(), 4u);
}

TEST_F(ChunkStoreTest, RamStaysWithinItsBudget) {
  const auto store = open_store(8, 1'000);
  const auto c = chain(*store, "a", 40);
  for (std::size_t i = 0; i < c.size(); ++i) {
    store->put(c, i, payload_of(c[i], kPayload));
    ASSERT_LE(store->stats().ram_bytes, 8 * kFile);
    ASSERT_TRUE(store->flush(seconds(60)));
  }
  const auto chunks = fetch(*store, c);  // as much as fits, from the front
  ASSERT_TRUE(chunks);
  EXPECT_GE(chunks->size(), 7u);
  EXPECT_LE(store->stats().ram_bytes, 8 * kFile);
  EXPECT_GE(store->stats().dropped_requests, 1u);
}

TEST_F(ChunkStoreTest, WhenAllIsPinnedPutsAreDropped) {
  const auto store = open_store(3);
  const auto c = chain(*store, "a", 4);
  const auto pins = [&] {
    for (std::size_t i = 0; i < 3; ++i) store->put(c, i, payload_of(c[i], kPayload));
    return store->get(c, 0, 3);
  }();
  ASSERT_EQ(pins.size(), 3u);
  store->put(c, 3, payload_of(c[3], kPayload));
  EXPECT_EQ(store->stats().dropped_puts, 1u);
  EXPECT_EQ(store->covered(c).ram, 3u);
}

TEST_F(ChunkStoreTest, AFullWriteQueueDropsTheWriteOnly) {
  const auto store = open_store(10);  // at most five may wait
  files_.set(false);
  const auto c = chain(*store, "a", 8);
  put(*store, c);
  EXPECT_EQ(store->covered(c).ram, 8u);  // and put did not wait
  EXPECT_GE(store->stats().dropped_writes, 2u);
  files_.set(true);
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_LT(store->stats().disk_chunks, 8u);
  put(*store, c);  // seen again, written now
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->get(c, 0, 8).size(), 8u);
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->stats().disk_chunks, 8u);
}

TEST_F(ChunkStoreTest, EraseTenant) {
  const auto store = open_store();
  const auto a = chain(*store, "a", 2);
  const auto b = chain(*store, "b", 2);
  put(*store, a);
  put(*store, b);
  bool erased = false;
  store->erase_tenant("a", [&](bool ok) { erased = ok; });
  EXPECT_TRUE(store->get(a, 0, 2).empty());  // RAM at once
  put(*store, a);                            // a request that still runs
  EXPECT_TRUE(store->flush(seconds(60)));
  store->poll();
  EXPECT_TRUE(erased);
  EXPECT_EQ(store->covered(a).known, 0u);
  put(*store, a);
  EXPECT_TRUE(store->flush(seconds(60)));
  EXPECT_EQ(store->covered(a).known, 0u);
  EXPECT_EQ(store->covered(b).ram, 2u);
  EXPECT_EQ(store->stats().disk_chunks, 2u);
  EXPECT_EQ(folder_.files(".kv").size(), 2u);
  EXPECT_EQ(store->covered(chain(*store, "a", 2)).known, 0u);
}

TEST_F(ChunkStoreTest, RamOnly) {
  ChunkStoreOptions options;
  options.ram_bytes_max = 2 * kPayload;
  const auto store = *ChunkStore::open(options, clock_, random_, [] {});
  const auto c = chain(*store, "a", 3);
  put(*store, c);
  EXPECT_TRUE(store->ready());
  EXPECT_EQ(store->stats().ram_chunks, 2u);
  EXPECT_FALSE(fetch(*store, c));
  bool erased = false;
  store->erase_tenant("a", [&](bool ok) { erased = ok; });
  EXPECT_TRUE(erased);
  EXPECT_EQ(store->stats().ram_chunks, 0u);
  put(*store, c);
  EXPECT_EQ(store->stats().ram_chunks, 0u);
}

TEST_F(ChunkStoreTest, NoFolderIsAnErrorAtStart) {
  ChunkStoreOptions options;
  options.folder = "/dev/null/chunks";
  options.disk_bytes_max = options.ram_bytes_max = 1'000'000;
  EXPECT_FALSE(ChunkStore::open(options, clock_, random_, [] {}));
}

// Two stores on one folder, small budgets, everything at once: what comes back is right, and
// budgets hold.
TEST_F(ChunkStoreTest, ConcurrencyUnderPressure) {
  const auto work = [this](unsigned seed) {
    const auto store = open_store(6, 12);
    std::mt19937 random(seed);
    int wrong = 0, got = 0;
    for (int round = 0; round < 300; ++round) {
      const auto c = chain(*store, random() % 2 ? "a" : "b", 1 + random() % 5,
                           static_cast<Token>(random() % 4) * 10'000);
      const auto check = [&wrong, &got](const std::vector<ChunkRef>& chunks) {
        for (const auto& chunk : chunks) {
          ++got;
          wrong += has_payload(*chunk, kPayload) ? 0 : 1;
        }
      };
      switch (random() % 8) {
        case 0:
          if (random() % 8 == 0) store->erase_tenant("b", nullptr);
          break;
        case 1:
        case 2:
          put(*store, c);
          break;
        case 3:
          check(store->get(c, 0, c.size()));
          break;
        default:
          store->request(c, 0, c.size(), check);
      }
      store->poll();
      if (store->stats().ram_bytes > 6 * kFile) ++wrong;
    }
    EXPECT_TRUE(store->flush(seconds(60)));
    store->poll();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(store->stats().rejected, 0u);
    EXPECT_EQ(store->stats().write_failures, 0u);
    EXPECT_GT(got, 0);
  };
  std::thread one(work, 1), two(work, 2);
  one.join();
  two.join();
}

}  // namespace
}  // namespace xc::engine
