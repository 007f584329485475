// What the tests of the chunk store share: files that can be held up and are counted, a store on
// them, chains of chunks.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "engine/chunks/chunk_file.h"
#include "engine/chunks/chunk_store.h"
#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {

using std::chrono::seconds;

inline constexpr std::size_t kPayload = 10'000;
inline constexpr std::uint64_t kFile = kChunkHeaderBytes + kChunkTokenBytes + kPayload + 16;

// Writes wait until the gate opens.
class GatedFiles : public ChunkFiles {
 public:
  int write(const std::string& path, Bytes bytes, std::string_view unique,
            std::int64_t used_us) override {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [this] { return open_; });
    lock.unlock();
    return ChunkFiles::write(path, bytes, unique, used_us);
  }
  int read(const std::string& path, std::size_t bytes_max, KvBytes& into) override {
    {
      const std::lock_guard lock(mutex_);
      readers_most_ = std::max(readers_most_, ++readers_);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const int failure = ChunkFiles::read(path, bytes_max, into);
    const std::lock_guard lock(mutex_);
    --readers_;
    return failure;
  }
  int readers_most() {
    const std::lock_guard lock(mutex_);
    return readers_most_;
  }
  void set(bool open) {
    {
      const std::lock_guard lock(mutex_);
      open_ = open;
    }
    change_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  bool open_ = true;
  int readers_ = 0;  // at once
  int readers_most_ = 0;
};

class ChunkStoreTest : public ::testing::Test {
 protected:
  ~ChunkStoreTest() override { files_.set(true); }

  std::unique_ptr<ChunkStore> open_store(std::uint64_t ram_chunks = 100,
                                         std::uint64_t disk_chunks = 100) {
    ChunkStoreOptions options;
    options.folder = folder_.chunks();
    options.ram_bytes_max = ram_chunks * kFile;
    options.disk_bytes_max = disk_chunks * kFile;
    options.disk_reserve_bytes = 0;
    auto store = ChunkStore::open(options, clock_, random_, [this] { ++wakes_; }, &files_);
    EXPECT_TRUE(store);
    EXPECT_TRUE((*store)->flush(seconds(60)));
    wakes_ = 0;
    return *std::move(store);
  }
  static ChunkChain chain(ChunkStore& store, const std::string& tenant, std::size_t chunks,
                          Token start = 0) {
    return chain_of(*store.open_space(identity_of(), tenant), start, chunks);
  }
  static void put(ChunkStore& store, const ChunkChain& chain) {
    for (std::size_t i = 0; i < chain.size(); ++i)
      store.put(chain, i, payload_of(chain[i], kPayload));
  }
  // What a request brings; nullopt when it was refused.
  static std::optional<std::vector<ChunkRef>> fetch(ChunkStore& store, const ChunkChain& chain) {
    std::optional<std::vector<ChunkRef>> got;
    const bool asked = store.request(
        chain, 0, chain.size(), [&](std::vector<ChunkRef> chunks) { got = std::move(chunks); });
    EXPECT_FALSE(got);  // never from within request
    if (!asked) return std::nullopt;
    EXPECT_TRUE(store.flush(seconds(60)));
    store.poll();
    EXPECT_TRUE(got);
    return got;
  }

  ChunkTestFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  GatedFiles files_;
  std::atomic<int> wakes_{0};
};

}  // namespace xc::engine
