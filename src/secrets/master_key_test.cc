#include "secrets/master_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "base/test_folder.h"

namespace xc::secrets {
namespace {

constexpr Kind kKind{"tests", "a test's"};

struct MasterKeyTest : testing::Test {
  TestFolder folder;
  SystemRandom random;
  std::string path = folder.path("master.key");

  static unsigned mode_of(const std::string& file) {
    struct stat facts{};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0);
    return facts.st_mode & 07777;
  }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  std::string read() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(MasterKeyTest, TheFileIsMadeOnceAndForItsOwnerAlone) {
  EXPECT_FALSE(look_at_key_file(path)->exists);
  EXPECT_FALSE(MasterKey::look(path, random)) << "looking makes nothing";
  const auto first = MasterKey::open(path, random);
  ASSERT_TRUE(first) << text_of(first.error(), Language::En);
  EXPECT_EQ(mode_of(path), 0600u);
  const auto sealed = first->sealer(kKind).seal({"e", "http://h"}, "sk-1");
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->find("sk-1"), std::string::npos);
  const auto second = MasterKey::open(path, random);
  EXPECT_EQ(second->sealer(kKind).unseal({"e", "http://h"}, *sealed), "sk-1");
  const auto facts = look_at_key_file(path);
  EXPECT_TRUE(facts->exists && !facts->open_to_others && !facts->rotating);
}

TEST_F(MasterKeyTest, ThoseWhoMakeItAtOnceHaveOneKey) {
  std::vector<std::thread> threads;
  std::vector<std::string> sealed(8);
  for (std::string& one : sealed) {
    threads.emplace_back([this, &one] {
      SystemRandom own;
      const auto master = MasterKey::open(path, own);
      if (master) one = *master->sealer(kKind).seal({"x"}, "text");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto master = MasterKey::open(path, random);
  for (const std::string& one : sealed) {
    EXPECT_EQ(master->sealer(kKind).unseal({"x"}, one), "text");
  }
}

TEST_F(MasterKeyTest, ATextOpensForItsOwnerAndKindOnly) {
  const MasterKey master(random);
  const Sealer sealer = master.sealer(kKind);
  const std::string sealed = *sealer.seal({"e", "http://h"}, "sk-1");
  EXPECT_NE(*sealer.seal({"e", "http://h"}, "sk-1"), sealed) << "no text twice";
  EXPECT_EQ(sealer.unseal({"e", "http://h"}, sealed), "sk-1");
  EXPECT_FALSE(sealer.unseal({"f", "http://h"}, sealed));
  EXPECT_FALSE(sealer.unseal({"e", "http://evil"}, sealed));
  EXPECT_FALSE(sealer.unseal({"e"}, sealed));
  EXPECT_FALSE(master.sealer({"others", kKind.label}).unseal({"e", "http://h"}, sealed));
  EXPECT_FALSE(MasterKey(random).sealer(kKind).unseal({"e", "http://h"}, sealed));
}

TEST_F(MasterKeyTest, WhatIsClearIsGivenBackAndNothingStaysNothing) {
  const Sealer sealer = MasterKey(random).sealer(kKind);
  EXPECT_EQ(sealer.unseal({"x"}, "clear"), "clear");
  EXPECT_FALSE(sealer.is_current({"x"}, "clear"));
  EXPECT_EQ(*sealer.seal({"x"}, ""), "");
  EXPECT_TRUE(sealer.is_current({"x"}, ""));
}

TEST_F(MasterKeyTest, OfTwoKeysTheFirstSealsAndBothOpen) {
  const std::string older(64, '1'), newer(64, '2');
  write(older + "\n");
  const std::string under_old = *MasterKey::open(path, random)->sealer(kKind).seal({"x"}, "text");
  write(newer + "\n" + older + "\n");
  EXPECT_TRUE(look_at_key_file(path)->rotating);
  const Sealer sealer = MasterKey::open(path, random)->sealer(kKind);
  EXPECT_EQ(sealer.unseal({"x"}, under_old), "text");
  EXPECT_FALSE(sealer.is_current({"x"}, under_old));
  const std::string under_new = *sealer.seal({"x"}, "text");
  EXPECT_TRUE(sealer.is_current({"x"}, under_new));
  write(newer + "\n");
  EXPECT_EQ(MasterKey::open(path, random)->sealer(kKind).unseal({"x"}, under_new), "text");
  EXPECT_FALSE(MasterKey::open(path, random)->sealer(kKind).unseal({"x"}, under_old));
}

TEST_F(MasterKeyTest, AFileThatIsNoMasterKeyIsSaidAndKept) {
  const std::string key(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("abc"), std::string(63, '0'), key + "\nabc\n",
        key + "\n" + key + "\n" + key + "\n", std::string(300, 'a')}) {
    write(text);
    const auto master = MasterKey::open(path, random);
    ASSERT_FALSE(master) << text;
    EXPECT_EQ(master.error().message, Message::MasterKeyBad);
    EXPECT_FALSE(look_at_key_file(path));
    EXPECT_EQ(read(), text);
  }
  write(key + "\r\n");
  EXPECT_TRUE(MasterKey::open(path, random));
  ::chmod(path.c_str(), 0644);
  EXPECT_TRUE(look_at_key_file(path)->open_to_others);
  EXPECT_TRUE(MasterKey::open(path, random));  // the log says so
  EXPECT_FALSE(MasterKey::open(folder.path("none") + "/x/master.key", random));
}

TEST_F(MasterKeyTest, WhileItIsUsedNobodyHasItAlone) {
  {
    const auto used = MasterKey::open(path, random);
    const MasterKey copy = *used;
    const auto refused = hold_key_file(path, Hold::Alone);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, Message::MasterKeyBusy);
    EXPECT_TRUE(MasterKey::open(path, random)) << "others may use it too";
    EXPECT_TRUE(MasterKey::look(path, random));
  }
  EXPECT_TRUE(hold_key_file(path, Hold::Alone));
}

TEST_F(MasterKeyTest, WhoWaitsGetsTheFileThatIsThereThen) {
  ASSERT_TRUE(make_key_file(path, random));
  auto held = std::make_unique<Held>(*hold_key_file(path, Hold::Alone));
  std::string sealed;
  std::thread waiting([this, &sealed] {
    SystemRandom own;
    sealed = *MasterKey::open(path, own)->sealer(kKind).seal({"x"}, "text");
  });
  const crypto::Digest next{1, 2, 3};
  ASSERT_TRUE(write_keys(path, {next}));
  held.reset();
  waiting.join();
  EXPECT_EQ(MasterKey("", {next}, random).sealer(kKind).unseal({"x"}, sealed), "text");
}

}  // namespace
}  // namespace xc::secrets
