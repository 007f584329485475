#include "engine/chunks/chunk_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/limits.h"
#include "engine/chunks/chunk_file.h"
#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {
namespace {

using std::chrono::seconds;

constexpr std::size_t kPayload = 10'000;

// The machine's files, with accidents.
class AccidentalFiles : public ChunkFiles {
 public:
  int write_error = 0;
  std::uint64_t free = 1u << 30;
  int writes = 0;
  std::function<void()> before_write;

  int write(const std::string& path, Bytes bytes, std::string_view unique,
            std::int64_t used_us) override {
    if (before_write) before_write();
    if (write_error) return write_error;
    ++writes;
    return ChunkFiles::write(path, bytes, unique, used_us);
  }
  std::uint64_t free_bytes(const std::string&) override { return free; }
};

class ChunkDiskTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kFile = kChunkHeaderBytes + kChunkTokenBytes + kPayload + 16;

  std::unique_ptr<ChunkDisk> open_disk(std::uint64_t files_max = 100, std::uint64_t reserve = 0) {
    auto disk = std::make_unique<ChunkDisk>(
        ChunkDiskOptions{folder_.chunks(), files_max * kFile, reserve, cipher_}, clock_, random_,
        files_, keys_, counters_);
    disk->scan();
    return disk;
  }
  ChunkSpaceRef space(const std::string& tenant, const std::string& model = "model-a") {
    return make_space(identity_of(model), tenant, *keys_.open(tenant));
  }
  void store(ChunkDisk& disk, const ChunkChain& chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
      clock_.advance(seconds(1));
      disk.store(*chunk_of(chain[i], kPayload));
    }
  }
  bool loads(ChunkDisk& disk, const ChunkLink& link) {
    const ChunkRef chunk = disk.load(link, ByteHold());
    return chunk && has_payload(*chunk, kPayload);
  }
  std::string path_of(const ChunkLink& link) const {
    return chunk_path(folder_.chunks(), link.space->id, link.key);
  }

  ChunkTestFolder folder_;
  ManualClock clock_;
  SeededRandom random_{3};
  AccidentalFiles files_;
  TenantKeys keys_{folder_.keys(), random_};
  ChunkCounters counters_;
  ChunkCipher cipher_ = ChunkCipher::Aes256Gcm;
};

TEST_F(ChunkDiskTest, RoundTripOverARestart) {
  for (const ChunkCipher cipher : {ChunkCipher::Aes256Gcm, ChunkCipher::Sm4CtrHmacSm3}) {
    if (!available(cipher)) continue;
    cipher_ = cipher;
    const auto chain = chain_of(space("a"), static_cast<Token>(cipher), 3);
    store(*open_disk(), chain);
    const auto disk = open_disk();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(loads(*disk, chain[i]));
  }
  EXPECT_EQ(counters_.rejected, 0u);
  EXPECT_EQ(open_disk()->index().size(), 6u);
}

TEST_F(ChunkDiskTest, FilesAreForTheOwnerOnlyAndHardlyLargerThanTheirBytes) {
  const auto disk = open_disk();
  store(*disk, chain_of(space("a"), 0, 4));
  std::uint64_t bytes = 0;
  for (const auto& file : folder_.files(".kv")) {
    struct stat facts{};
    ASSERT_EQ(::stat(file.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
    bytes += static_cast<std::uint64_t>(facts.st_size);
  }
  EXPECT_EQ(bytes, disk->index().bytes());
  EXPECT_EQ(bytes, 4 * kFile);
  EXPECT_TRUE(folder_.files(".tmp").empty());
}

TEST_F(ChunkDiskTest, ForeignCipherIsStillReadable) {
  const auto chain = chain_of(space("a"), 0, 1);
  if (!available(ChunkCipher::Sm4CtrHmacSm3)) GTEST_SKIP();
  cipher_ = ChunkCipher::Sm4CtrHmacSm3;
  store(*open_disk(), chain);
  cipher_ = ChunkCipher::Aes256Gcm;
  EXPECT_TRUE(loads(*open_disk(), chain[0]));
}

TEST_F(ChunkDiskTest, StoredOnce) {
  const auto disk = open_disk();
  const auto chain = chain_of(space("a"), 0, 1);
  for (int i = 0; i < 3; ++i) store(*disk, chain);
  EXPECT_EQ(files_.writes, 1);
  EXPECT_EQ(disk->index().size(), 1u);
}

TEST_F(ChunkDiskTest, EvictsTheLeastRecentlyUsedUnderTheBudget) {
  const auto disk = open_disk(3);
  const auto chain = chain_of(space("a"), 0, 4);
  for (std::size_t i = 0; i < 3; ++i) {
    clock_.advance(seconds(1));
    disk->store(*chunk_of(chain[i], kPayload));
  }
  clock_.advance(seconds(1));
  disk->use(chain[0]);
  disk->store(*chunk_of(chain[3], kPayload));
  EXPECT_TRUE(loads(*disk, chain[0]));
  EXPECT_EQ(disk->file_bytes(chain[1]), 0u);
  EXPECT_EQ(counters_.evicted_disk, 1u);
  EXPECT_EQ(folder_.files(".kv").size(), 3u);
}

TEST_F(ChunkDiskTest, TheOrderOfUseSurvivesARestart) {
  const auto chain = chain_of(space("a"), 0, 3);
  {
    const auto disk = open_disk();
    store(*disk, chain);
    EXPECT_FALSE(disk->use(chain[0]));  // noted a moment ago
    clock_.advance(limits::kChunkTouchEvery);
    EXPECT_TRUE(loads(*disk, chain[0]));
  }
  const auto disk = open_disk(2);
  EXPECT_EQ(counters_.evicted_disk, 1u);
  EXPECT_NE(disk->file_bytes(chain[0]), 0u);
  EXPECT_EQ(disk->file_bytes(chain[1]), 0u);
}

TEST_F(ChunkDiskTest, WrongTenantAndWrongIdentityFindNothing) {
  const auto disk = open_disk();
  store(*disk, chain_of(space("a"), 0, 1));
  EXPECT_FALSE(loads(*disk, chain_of(space("b"), 0, 1)[0]));
  EXPECT_FALSE(loads(*disk, chain_of(space("a", "model-b"), 0, 1)[0]));
  EXPECT_EQ(counters_.rejected, 0u);
}

TEST_F(ChunkDiskTest, BadFilesAreCountedAndDeletedNeverLoaded) {
  const auto chain = chain_of(space("a"), 0, 1);
  const auto other = chain_of(space("b"), 0, 1);
  store(*open_disk(), chain);
  store(*open_disk(), other);
  const std::string good = slurp(path_of(chain[0]));
  std::vector<std::string> bad = {
      std::string(),           good.substr(0, 100), good.substr(0, 144),
      good.substr(0, 2000),    good + "x",          std::string(good.size(), '\0'),
      slurp(path_of(other[0]))};
  for (std::size_t at : {0u, 50u, 130u, 200u, 5000u}) {
    bad.push_back(good);
    bad.back()[at] = static_cast<char>(bad.back()[at] ^ 1);
  }
  std::uint64_t rejected = 0;
  for (const std::string& text : bad) {
    spill(path_of(chain[0]), text);
    const auto disk = open_disk();
    EXPECT_FALSE(loads(*disk, chain[0]));
    if (text.empty()) {  // counts as absent; a store replaces it
      EXPECT_EQ(disk->file_bytes(chain[0]), 0u);
      continue;
    }
    EXPECT_EQ(counters_.rejected, ++rejected);
    EXPECT_FALSE(std::filesystem::exists(path_of(chain[0])));
    EXPECT_EQ(disk->index().size(), 1u);
  }
  const auto disk = open_disk();
  store(*disk, chain);
  EXPECT_TRUE(loads(*disk, chain[0]));
}

TEST_F(ChunkDiskTest, AFileThatIsNoFileIsNotFollowed) {
  const auto disk = open_disk();
  const auto chain = chain_of(space("a"), 0, 2);
  store(*disk, chain);
  std::filesystem::rename(path_of(chain[0]), folder_.chunks() + "/elsewhere");
  std::filesystem::create_symlink(folder_.chunks() + "/elsewhere", path_of(chain[0]));
  EXPECT_FALSE(loads(*disk, chain[0]));
  std::filesystem::remove(path_of(chain[1]));
  ASSERT_EQ(::mkfifo(path_of(chain[1]).c_str(), 0600), 0);
  EXPECT_FALSE(loads(*disk, chain[1]));
  EXPECT_EQ(counters_.rejected, 2u);
  EXPECT_TRUE(std::filesystem::exists(folder_.chunks() + "/elsewhere"));
}

TEST_F(ChunkDiskTest, AFileMayVanish) {
  const auto disk = open_disk();
  const auto chain = chain_of(space("a"), 0, 1);
  store(*disk, chain);
  std::filesystem::remove_all(space_folder(folder_.chunks(), chain[0].space->id));
  EXPECT_NE(disk->file_bytes(chain[0]), 0u);
  EXPECT_FALSE(loads(*disk, chain[0]));
  EXPECT_EQ(counters_.vanished, 1u);
  EXPECT_EQ(disk->file_bytes(chain[0]), 0u);
  store(*disk, chain);  // its folder comes back
  EXPECT_TRUE(loads(*disk, chain[0]));
}

TEST_F(ChunkDiskTest, AFullDiskPausesWritesLongerAndLonger) {
  const auto disk = open_disk();
  const auto chain = chain_of(space("a"), 0, 3);
  files_.write_error = ENOSPC;
  disk->store(*chunk_of(chain[0], kPayload));
  EXPECT_EQ(counters_.write_failures, 1u);
  files_.write_error = 0;
  disk->store(*chunk_of(chain[0], kPayload));
  EXPECT_EQ(files_.writes, 0);
  EXPECT_EQ(counters_.dropped_writes, 2u);
  files_.write_error = ENOSPC;
  clock_.advance(limits::kChunkPauseFirst);
  disk->store(*chunk_of(chain[0], kPayload));
  files_.write_error = 0;
  clock_.advance(limits::kChunkPauseFirst);  // half of the second pause
  disk->store(*chunk_of(chain[1], kPayload));
  EXPECT_EQ(files_.writes, 0);
  clock_.advance(limits::kChunkPauseFirst);
  disk->store(*chunk_of(chain[1], kPayload));
  EXPECT_EQ(files_.writes, 1);
  EXPECT_TRUE(loads(*disk, chain[1]));
}

TEST_F(ChunkDiskTest, AFailedWriteLeavesNothingBehind) {
  ChunkFiles files;
  const std::string path = folder_.chunks() + "/ab/cd/x.kv";
  std::filesystem::create_directories(folder_.chunks() + "/ab/cd");
  std::filesystem::create_directory(path);  // a rename onto a folder must fail
  const std::string text(kPayload, 'x');
  EXPECT_NE(files.write(path, bytes_of(text), "1", 0), 0);
  EXPECT_TRUE(folder_.files(".tmp").empty());
}

// The disk takes the beginning of the file and then no more.
TEST_F(ChunkDiskTest, AWriteThatBreaksOffLeavesNothingBehind) {
  ChunkFiles files;
  const std::string path = folder_.chunks() + "/ab/cd/x.kv";
  const std::string text(kPayload, 'x');
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{4'096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const int failure = files.write(path, bytes_of(text), "1", 0);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(failure, EFBIG);
  EXPECT_TRUE(folder_.files(".tmp").empty());
  EXPECT_TRUE(folder_.files(".kv").empty());
  EXPECT_EQ(files.write(path, bytes_of(text), "1", 0), 0);
}

TEST_F(ChunkDiskTest, LeavesTheReserveToOthers) {
  const auto disk = open_disk(100, 50'000);
  const auto chain = chain_of(space("a"), 0, 1);
  files_.free = 50'000 + kFile - 1;
  store(*disk, chain);
  EXPECT_EQ(files_.writes, 0);
  EXPECT_EQ(counters_.dropped_writes, 1u);
  EXPECT_EQ(counters_.write_failures, 0u);
  files_.free = 50'000 + kFile;
  store(*disk, chain);
  EXPECT_EQ(files_.writes, 1);
}

TEST_F(ChunkDiskTest, LargerThanTheBudgetIsDropped) {
  const auto disk = open_disk(2);
  const auto chain = chain_of(space("a"), 0, 3);
  disk->store(*chunk_of(chain[0], kPayload));
  disk->store(*chunk_of(chain[1], 3 * kFile));
  EXPECT_EQ(counters_.dropped_writes, 1u);
  EXPECT_TRUE(loads(*disk, chain[0]));
}

TEST_F(ChunkDiskTest, EraseByKeyMakesUnreadableAndDeletes) {
  const auto disk = open_disk();
  const auto a = chain_of(space("a"), 0, 2);
  const auto a2 = chain_of(space("a", "model-b"), 0, 2);
  const auto b = chain_of(space("b"), 0, 2);
  for (const auto* chain : {&a, &a2, &b}) store(*disk, *chain);
  const std::string kept = slurp(path_of(a[0]));
  const auto tag = disk->erase_tenant("a");
  ASSERT_TRUE(tag && *tag);
  EXPECT_EQ(**tag, tag_of_space(a[0].space->id));
  EXPECT_EQ(disk->index().size(), 2u);
  EXPECT_EQ(folder_.files(".kv").size(), 2u);
  EXPECT_TRUE(loads(*disk, b[1]));
  // A backup of the file is of no use: the tenant has another secret now.
  const auto again = chain_of(space("a"), 0, 1);
  EXPECT_NE(again[0].key, a[0].key);
  const auto path = path_of(again[0]);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  spill(path, kept);
  EXPECT_FALSE(loads(*open_disk(), again[0]));
  // A request that still runs must not bring the tenant's bytes back.
  store(*disk, a);
  EXPECT_EQ(disk->file_bytes(a[0]), 0u);
  EXPECT_FALSE(std::filesystem::exists(path_of(a[0])));
}

TEST_F(ChunkDiskTest, ErasedWhileWriting) {
  const auto disk = open_disk();
  const auto a = chain_of(space("a"), 0, 1);
  files_.before_write = [&] { ASSERT_TRUE(keys_.erase("a")); };
  store(*disk, a);
  EXPECT_TRUE(folder_.files(".kv").empty());
  EXPECT_EQ(disk->index().size(), 0u);
}

TEST_F(ChunkDiskTest, AnErasureBrokenOffIsFinishedByTheNextScan) {
  const auto a = chain_of(space("a"), 0, 2);
  const auto b = chain_of(space("b"), 0, 2);
  store(*open_disk(), a);
  store(*open_disk(), b);
  ASSERT_TRUE(keys_.erase("a"));
  EXPECT_EQ(open_disk()->index().size(), 2u);
  EXPECT_EQ(folder_.files(".kv").size(), 2u);
}

TEST_F(ChunkDiskTest, ScanTakesOldTemporariesAndPassesOverForeignNames) {
  const auto chain = chain_of(space("a"), 0, 1);
  store(*open_disk(), chain);
  const auto folder = std::filesystem::path(path_of(chain[0])).parent_path();
  for (const char* name : {"old.kv.1.tmp", "new.kv.2.tmp", "notes.txt", "short.kv"}) {
    spill(folder / name, "x");
  }
  const auto now_us = clock_.unix_ms() * 1000;
  files_.touch((folder / "new.kv.2.tmp").string(), now_us - 1'000'000);
  files_.touch((folder / "old.kv.1.tmp").string(), now_us - 3600LL * 1'000'000);
  EXPECT_EQ(open_disk()->index().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder / "old.kv.1.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder / "new.kv.2.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder / "notes.txt"));
  EXPECT_TRUE(std::filesystem::exists(folder / "short.kv"));
}

TEST_F(ChunkDiskTest, TwoWorkersShareTheFolder) {
  const auto one = open_disk(4), two = open_disk(4);
  const auto chain = chain_of(space("a"), 0, 3);
  store(*one, chain);
  EXPECT_FALSE(loads(*two, chain[0]));  // not listed yet
  store(*two, chain);                   // adopts what is there
  EXPECT_EQ(files_.writes, 3);
  EXPECT_TRUE(loads(*two, chain[0]));
  // Together they stay within the budget as soon as one lists again.
  store(*two, chain_of(space("a"), 9'000, 4));
  EXPECT_TRUE(two->scan_due());
  two->scan();
  EXPECT_LE(folder_.files(".kv").size(), 4u);
  EXPECT_FALSE(loads(*one, chain[0]));
  EXPECT_EQ(counters_.vanished, 2u);  // two's first question, and this one
}

}  // namespace
}  // namespace xc::engine
