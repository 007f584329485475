#include "engine/chunks/tenant_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {
namespace {

class TenantKeysTest : public ::testing::Test {
 protected:
  ChunkTestFolder folder_;
  SeededRandom random_{1};
  TenantKeys keys_{folder_.keys(), random_};
};

TEST_F(TenantKeysTest, OneSecretATenantThatLasts) {
  const auto a = keys_.open("a");
  ASSERT_TRUE(a);
  const auto b = keys_.open("../b/\n");
  ASSERT_TRUE(b);
  EXPECT_NE(*a, *b);
  TenantKeys again(folder_.keys(), random_);
  EXPECT_EQ(*again.open("a"), *a);
  EXPECT_TRUE(again.holds("a", *a));
  EXPECT_FALSE(again.holds("a", *b));
  EXPECT_FALSE(again.holds("c", *a));
  EXPECT_EQ(again.all()->size(), 2u);
}

TEST_F(TenantKeysTest, FilesAreForTheOwnerOnly) {
  ASSERT_TRUE(keys_.open("a"));
  const auto files = folder_.files(".key");
  ASSERT_EQ(files.size(), 1u);
  struct stat facts{};
  ASSERT_EQ(::stat(files[0].c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_EQ(facts.st_size, 48);
  ASSERT_EQ(::stat(folder_.keys().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(TenantKeysTest, EraseIsSeenByOthersAtOnce) {
  TenantKeys other(folder_.keys(), random_);
  const Digest secret = *keys_.open("a");
  const auto erased = other.erase("a");
  ASSERT_TRUE(erased);
  EXPECT_EQ(*erased, secret);
  EXPECT_FALSE(keys_.holds("a", secret));
  EXPECT_TRUE(folder_.files(".key").empty());
  EXPECT_NE(*keys_.open("a"), secret);
  EXPECT_FALSE(*other.erase("nobody"));
}

TEST_F(TenantKeysTest, ADamagedFileIsReplaced) {
  const Digest secret = *keys_.open("a");
  const auto path = folder_.files(".key")[0];
  const std::string good = slurp(path);
  for (const std::string& bad :
       {std::string(), good.substr(0, 47), std::string(48, '\0'), "x" + good.substr(1)}) {
    spill(path, bad);
    EXPECT_TRUE(keys_.all()->empty());
    const auto fresh = keys_.open("a");
    ASSERT_TRUE(fresh);
    EXPECT_NE(*fresh, secret);
    EXPECT_TRUE(keys_.holds("a", *fresh));
  }
}

TEST_F(TenantKeysTest, InMemoryWithoutAFolder) {
  TenantKeys memory("", random_);
  const Digest secret = *memory.open("a");
  EXPECT_EQ(*memory.open("a"), secret);
  EXPECT_TRUE(memory.holds("a", secret));
  EXPECT_EQ(**memory.erase("a"), secret);
  EXPECT_FALSE(memory.holds("a", secret));
}

TEST(TenantKeysRace, TwoProcessesAgree) {
  ChunkTestFolder folder;
  SystemRandom random;
  for (int round = 0; round < 20; ++round) {
    const std::string tenant = "t" + std::to_string(round);
    Digest secrets[2];
    auto open = [&](int i) {
      TenantKeys keys(folder.keys(), random);
      secrets[i] = *keys.open(tenant);
    };
    std::thread one(open, 0), two(open, 1);
    one.join();
    two.join();
    EXPECT_EQ(secrets[0], secrets[1]);
  }
}

}  // namespace
}  // namespace xc::engine
