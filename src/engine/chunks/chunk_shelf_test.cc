#include "engine/chunks/chunk_shelf.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>

#include "engine/chunks/chunk_test_fixture.h"
#include "engine/core/scheduler_rig.h"

namespace xc::engine {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kChunkBytes = kChunkTokens * sizeof(FakeDevice::Cell);

class FailingFiles : public ChunkFiles {
 public:
  int read(const std::string& path, std::size_t bytes_max, KvBytes& into) override {
    ++reads;
    return fails ? EIO : ChunkFiles::read(path, bytes_max, into);
  }
  ChunkListing list(const std::string& root) override {
    lists.wait(false);
    return ChunkFiles::list(root);
  }
  void let_list() {
    lists = true;
    lists.notify_all();
  }
  std::atomic<int> reads{0};
  std::atomic<bool> fails{false};
  std::atomic<bool> lists{true};
};

class ChunkShelfTest : public ::testing::Test {
 protected:
  ~ChunkShelfTest() override { files_.let_list(); }

  // Anew, as after a restart, on the same folder.
  void open(bool on_disk, std::uint64_t ram_bytes = 64u << 20) {
    shelf_.reset();
    store_.reset();
    ChunkStoreOptions options;
    if (on_disk) options.folder = folder_.chunks();
    options.ram_bytes_max = ram_bytes;
    options.disk_bytes_max = on_disk ? 64u << 20 : 0;
    options.disk_reserve_bytes = 0;
    auto store = ChunkStore::open(options, clock_, random_, [] {}, &files_);
    ASSERT_TRUE(store);
    store_ = *std::move(store);
    if (files_.lists) ASSERT_TRUE(store_->flush(seconds(60)));
    shelf_ = std::make_unique<ChunkShelf>(*store_, device_, 1u << 20);
    for (const char* tenant : {"a", "b"}) {
      auto space = store_->open_space(identity_of(), tenant);
      ASSERT_TRUE(space);
      shelf_->set_space(tenant, *space);
    }
  }
  void compute(int seq, const std::vector<Token>& tokens) {
    device_.drop(seq, 0);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      device_.compute(seq, static_cast<int>(i), tokens[i]);
    }
  }
  void save(const std::vector<Token>& tokens, const std::string& tenant = "a") {
    compute(0, tokens);
    shelf_->save(tenant, 0, tokens);
    device_.drop(0, 0);
  }
  // As the engine asks: until it need not wait.
  KvShelf::Found find(const std::vector<Token>& tokens, int max, const std::string& tenant = "a") {
    KvShelf::Found found = shelf_->find(tenant, tokens, max);
    for (int i = 0; i < 100 && found.pending; ++i) {
      EXPECT_TRUE(store_->flush(seconds(60)));
      shelf_->poll();
      found = shelf_->find(tenant, tokens, max);
    }
    EXPECT_FALSE(found.pending);
    return found;
  }
  // Sequence `seq` holds exactly these tokens.
  void expect_holds(int seq, const std::vector<Token>& tokens, int count) {
    ASSERT_EQ(device_.length(seq), count);
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
      value = FakeDevice::value_after(value, tokens[static_cast<std::size_t>(i)], 0);
    }
    if (count > 0) {
      EXPECT_EQ(device_.at(seq, count - 1).value, value);
    }
    EXPECT_EQ(device_.misuse(), "");
  }

  ChunkTestFolder folder_;
  ManualClock clock_;
  SeededRandom random_{3};
  FailingFiles files_;
  FakeDevice device_{4, 4096, true};
  std::unique_ptr<ChunkStore> store_;
  std::unique_ptr<ChunkShelf> shelf_;
};

TEST_F(ChunkShelfTest, comes_back_whole_and_in_part) {
  open(false);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  EXPECT_EQ(find(tokens, 699).tokens, 699);
  const auto loaded = shelf_->load("a", 1, tokens, 0, 699);
  EXPECT_EQ(loaded.tokens, 699);
  EXPECT_EQ(loaded.from_disk, 0);
  expect_holds(1, tokens, 699);
  for (const int from : {1, 100, 255, 256, 257, 511, 512, 600, 690}) {
    compute(2, {tokens.begin(), tokens.begin() + from});
    EXPECT_EQ(shelf_->load("a", 2, tokens, from, 699).tokens, 699) << from;
    expect_holds(2, tokens, 699);
  }
  for (const int to : {1, 255, 256, 300, 512, 513, 698}) {
    device_.drop(2, 0);
    EXPECT_EQ(find(tokens, to).tokens, to >= 512 ? to : to / 256 * 256)
        << "of a chunk that is cut nothing serves; " << to;
  }
}

TEST_F(ChunkShelfTest, a_tail_serves_as_far_as_it_is_the_same) {
  open(false);
  const auto start = prompt_of(1, 256 + 100);
  save(start + prompt_of(2, 50));
  const auto other = start + prompt_of(3, 50);
  EXPECT_EQ(find(other, 405).tokens, 356);
  EXPECT_EQ(shelf_->load("a", 1, other, 0, 356).tokens, 356);
  expect_holds(1, other, 356);
}

TEST_F(ChunkShelfTest, tenants_are_apart) {
  open(false);
  const auto tokens = prompt_of(1, 700);
  save(tokens, "a");
  EXPECT_EQ(find(tokens, 699, "b").tokens, 0);
  EXPECT_EQ(shelf_->load("b", 1, tokens, 0, 699).tokens, 0);
  EXPECT_EQ(find(tokens, 699, "nobody").tokens, 0);
  shelf_->save("nobody", 0, tokens);
  expect_holds(1, tokens, 0);
}

TEST_F(ChunkShelfTest, a_restart_finds_whole_chunks_on_disk) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true);
  EXPECT_TRUE(shelf_->find("a", tokens, 699).pending);
  EXPECT_EQ(find(tokens, 699).tokens, 512);  // tails are in RAM only
  const auto loaded = shelf_->load("a", 1, tokens, 0, 512);
  EXPECT_EQ(loaded.tokens, 512);
  EXPECT_EQ(loaded.from_disk, 512);
  expect_holds(1, tokens, 512);
  EXPECT_EQ(shelf_->load("a", 2, tokens, 0, 512).from_disk, 0);  // the second time from RAM
}

TEST_F(ChunkShelfTest, right_after_a_restart_it_waits_for_the_list_of_files) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  files_.lists = false;
  open(true);
  EXPECT_TRUE(shelf_->find("a", tokens, 699).pending);
  EXPECT_FALSE(shelf_->find("a", tokens, 255).pending) << "no whole chunk: nothing to wait for";
  files_.let_list();
  EXPECT_EQ(find(tokens, 699).tokens, 512);
}

TEST_F(ChunkShelfTest, a_list_that_takes_seconds_is_not_waited_for) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  files_.lists = false;
  open(true);
  EXPECT_TRUE(shelf_->find("a", tokens, 699).pending);
  clock_.advance(seconds(3));
  const auto found = shelf_->find("a", tokens, 699);
  EXPECT_FALSE(found.pending);
  EXPECT_EQ(found.tokens, 0);
}

TEST_F(ChunkShelfTest, from_disk_counts_only_what_was_taken) {
  open(true);
  const auto tokens = prompt_of(1, 1024);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true);
  EXPECT_EQ(find(tokens, 1023).tokens, 768);
  compute(1, {tokens.begin(), tokens.begin() + 600});  // a live donor had more meanwhile
  const auto loaded = shelf_->load("a", 1, tokens, 600, 768);
  EXPECT_EQ(loaded.tokens, 768);
  EXPECT_LE(loaded.from_disk, 168);
  expect_holds(1, tokens, 768);
}

TEST_F(ChunkShelfTest, what_ram_cannot_keep_is_still_handed_over) {
  open(true);
  const auto tokens = prompt_of(1, 2048);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true, 5 * (kChunkBytes + 4096));  // less than the eight chunks
  const auto found = find(tokens, 2047);
  EXPECT_GE(found.tokens, 256);
  const auto loaded = shelf_->load("a", 1, tokens, 0, found.tokens);
  EXPECT_EQ(loaded.tokens, found.tokens);
  expect_holds(1, tokens, loaded.tokens);
}

TEST_F(ChunkShelfTest, unreadable_files_cost_one_try_not_a_loop) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true);
  files_.fails = true;
  const int before = files_.reads;
  for (int i = 0; i < 200; ++i) find(tokens, 699);
  EXPECT_LE(files_.reads - before, 4);
}

TEST_F(ChunkShelfTest, a_failure_is_forgotten_after_a_while) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true);
  files_.fails = true;
  find(tokens, 699);
  files_.fails = false;
  for (int i = 0; i < 200; ++i) shelf_->poll();  // others' steps
  for (const auto& file : folder_.files(".kv")) ASSERT_TRUE(std::filesystem::exists(file));
  save(tokens);  // should the index have dropped them
  ASSERT_TRUE(store_->flush(seconds(60)));
  EXPECT_GE(find(tokens, 699).tokens, 512);
}

TEST_F(ChunkShelfTest, vanished_files_are_computed_again) {
  open(true);
  const auto tokens = prompt_of(1, 700);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true);
  for (const auto& file : folder_.files(".kv")) std::filesystem::remove(file);
  EXPECT_EQ(find(tokens, 699).tokens, 0);
  for (int turn = 0; turn < 4; ++turn) {  // each turn finds out about one file
    find(tokens, 699);
    save(tokens);
    for (int i = 0; i < 100; ++i) shelf_->poll();
  }
  EXPECT_EQ(find(tokens, 699).tokens, 699);
}

TEST_F(ChunkShelfTest, many_that_wait_for_the_disk_all_get_theirs) {
  open(true);
  std::vector<std::vector<Token>> all;
  for (std::uint64_t i = 0; i < 40; ++i) {
    all.push_back(prompt_of(i, 600));
    save(all.back());
  }
  ASSERT_TRUE(store_->flush(seconds(60)));
  // RAM for a quarter of them: arrivals must be handed over, not lost and asked for again.
  open(true, 20 * (kChunkBytes + 4096));
  const int before = files_.reads;
  std::vector<bool> served(all.size(), false);
  int left = static_cast<int>(all.size());
  for (int turn = 0; turn < 100 && left > 0; ++turn) {
    ASSERT_TRUE(store_->flush(seconds(60)));
    shelf_->poll();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (served[i]) continue;
      const auto found = shelf_->find("a", all[i], 599);
      if (found.pending) continue;
      served[i] = true;
      --left;
      device_.drop(1, 0);
      const auto loaded = shelf_->load("a", 1, all[i], 0, found.tokens);
      EXPECT_EQ(loaded.tokens, found.tokens);
      expect_holds(1, all[i], loaded.tokens);
    }
  }
  EXPECT_EQ(left, 0);
  EXPECT_LE(files_.reads - before, 2 * 40);
}

TEST_F(ChunkShelfTest, arrivals_that_nobody_takes_give_their_memory_back) {
  open(true);
  const auto tokens = prompt_of(1, 1024);
  save(tokens);
  ASSERT_TRUE(store_->flush(seconds(60)));
  open(true, 5 * (kChunkBytes + 4096));
  EXPECT_GT(find(tokens, 1024).tokens, 0);  // then its request is cancelled
  for (int i = 0; i < 200; ++i) shelf_->poll();
  save(prompt_of(2, 1024));
  EXPECT_EQ(store_->stats().dropped_puts, 0u);
  EXPECT_EQ(find(prompt_of(2, 1024), 1024).tokens, 1024);
}

TEST_F(ChunkShelfTest, a_device_without_room_takes_less) {
  open(false);
  const auto tokens = prompt_of(1, 1024);
  save(tokens);
  compute(3, prompt_of(7, 4096 - 600));
  const auto loaded = shelf_->load("a", 1, tokens, 0, 1023);
  EXPECT_EQ(loaded.tokens, 512);
  expect_holds(1, tokens, 512);
  device_.copies_in = false;
  EXPECT_EQ(shelf_->load("a", 2, tokens, 0, 1023).tokens, 0);
}

TEST_F(ChunkShelfTest, a_device_that_gives_no_copy_leaves_the_shelf_empty) {
  open(false);
  device_.copies_out = false;
  save(prompt_of(1, 700));
  EXPECT_EQ(find(prompt_of(1, 700), 699).tokens, 0);
}

TEST_F(ChunkShelfTest, nothing_behind_an_image_is_kept) {
  open(false);
  auto tokens = prompt_of(1, 300);
  tokens.insert(tokens.end(), 20, kMediaToken);
  tokens = tokens + prompt_of(2, 400);
  compute(0, {tokens.begin(), tokens.begin() + 300});
  for (int i = 300; i < 320; ++i) device_.compute(0, i, kMediaToken, 5);
  for (int i = 320; i < 720; ++i) device_.compute(0, i, tokens[static_cast<std::size_t>(i)]);
  shelf_->save("a", 0, tokens);
  EXPECT_EQ(find(tokens, 300).tokens, 256);
  EXPECT_EQ(find(tokens, 719).tokens, 256);
}

}  // namespace
}  // namespace xc::engine
