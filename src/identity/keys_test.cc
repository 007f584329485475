#include "identity/keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/limits.h"
#include "identity/key_hash.h"
#include "store/test_folder.h"

namespace xc::identity {
namespace {

class KeysTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = std::move(*store::Database::open(folder_.path("x.db")));
    keys_ = std::move(*KeyStore::open(*database_, clock_, random_));
  }
  store::TestFolder folder_;
  ManualClock clock_;
  SeededRandom random_{42};
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<KeyStore> keys_;
};

Message refusal(const Result<Caller>& result) {
  EXPECT_FALSE(result);
  if (result) return Message::None;
  EXPECT_EQ(result.error().code, Code::Unauthorized);
  return result.error().message;
}

TEST_F(KeysTest, a_new_key_is_known_and_only_it) {
  const auto made = keys_->create("first", "default");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->secret.size(), 46u);
  EXPECT_TRUE(made->secret.starts_with("xc-"));
  EXPECT_TRUE(made->record.id.starts_with("key_"));
  const auto caller = keys_->verify(made->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->key_id, made->record.id);
  EXPECT_EQ(caller->tenant, "default");
  std::string near = made->secret;
  near.back() = near.back() == 'a' ? 'b' : 'a';
  EXPECT_EQ(refusal(keys_->verify(near)), Message::BadKey);
  EXPECT_EQ(refusal(keys_->verify(made->secret + " ")), Message::BadKey);
  EXPECT_EQ(refusal(keys_->verify(made->record.prefix)), Message::BadKey);
  EXPECT_EQ(refusal(keys_->verify(made->record.id)), Message::BadKey);
}

TEST_F(KeysTest, no_key_and_a_huge_key_are_refused) {
  EXPECT_EQ(refusal(keys_->verify("")), Message::NoKey);
  EXPECT_EQ(refusal(keys_->verify(std::string(limits::kApiKeyBytesMax + 1, 'x'))), Message::BadKey);
  EXPECT_EQ(refusal(keys_->verify(std::string_view("\0\xff", 2))), Message::BadKey);
}

TEST_F(KeysTest, a_revoked_key_is_refused_at_once_and_keeps_its_first_time) {
  const auto kept = keys_->create("kept", "default");
  const auto made = keys_->create("leaver", "default");
  clock_.advance(std::chrono::seconds(5));
  const std::int64_t then = clock_.unix_ms();
  EXPECT_TRUE(keys_->revoke(made->record.id));
  EXPECT_EQ(refusal(keys_->verify(made->secret)), Message::BadKey);
  EXPECT_TRUE(keys_->verify(kept->secret));
  clock_.advance(std::chrono::seconds(5));
  EXPECT_TRUE(keys_->revoke(made->record.id));
  const auto records = keys_->list();
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 2u);
  for (const KeyRecord& record : *records) {
    EXPECT_EQ(record.revoked_unix_ms, record.name == "leaver" ? std::optional(then) : std::nullopt);
  }
}

TEST_F(KeysTest, revoking_what_is_not_there_is_not_found) {
  const Status missing = keys_->revoke("key_none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_EQ(missing.error().message, Message::NoSuchKey);
}

TEST_F(KeysTest, lists_show_the_prefix_and_never_more) {
  const auto made = keys_->create("我的钥匙", "default");
  const auto records = keys_->list();
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().name, "我的钥匙");
  EXPECT_EQ(records->front().prefix, made->secret.substr(0, 10));
  EXPECT_EQ(records->front().created_unix_ms, clock_.unix_ms());
}

TEST_F(KeysTest, names_are_bounded_and_printable) {
  EXPECT_FALSE(keys_->create("", "default"));
  EXPECT_FALSE(keys_->create(std::string(limits::kKeyNameBytesMax + 1, 'x'), "default"));
  EXPECT_FALSE(keys_->create("two\nlines", "default"));
  EXPECT_FALSE(keys_->create("fine", ""));
  EXPECT_TRUE(keys_->create("'; DROP TABLE api_keys; --", "default"));
  EXPECT_EQ(keys_->list()->size(), 1u);
}

TEST_F(KeysTest, keys_outlive_the_process_and_reload_sees_anothers_changes) {
  const auto mine = keys_->create("mine", "default");
  auto other_database = std::move(*store::Database::open(folder_.path("x.db")));
  SeededRandom other_random(7);
  auto other = std::move(*KeyStore::open(*other_database, clock_, other_random));
  EXPECT_TRUE(other->verify(mine->secret));

  const auto theirs = other->create("theirs", "default");
  EXPECT_TRUE(other->revoke(mine->record.id));
  EXPECT_FALSE(keys_->verify(theirs->secret));
  EXPECT_TRUE(keys_->reload());
  EXPECT_TRUE(keys_->verify(theirs->secret));
  EXPECT_FALSE(keys_->verify(mine->secret));
}

TEST_F(KeysTest, the_database_files_never_hold_the_secret) {
  const auto made = keys_->create("first", "default");
  const std::string unseen = made->secret.substr(made->record.prefix.size());
  std::string bytes;
  for (const auto& file : std::filesystem::directory_iterator(folder_.path(""))) {
    std::ostringstream all;
    all << std::ifstream(file.path(), std::ios::binary).rdbuf();
    bytes += all.str();
  }
  EXPECT_NE(bytes.find(made->record.id), std::string::npos);  // we did read the right files
  EXPECT_EQ(bytes.find(unseen), std::string::npos);
}

TEST_F(KeysTest, verify_goes_on_while_keys_change) {
  const auto steady = keys_->create("steady", "default");
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::thread reader([&] {
    while (!stop) refused += keys_->verify(steady->secret) ? 0 : 1;
  });
  for (int i = 0; i < 20; ++i) {
    const auto made = keys_->create("passing", "default");
    EXPECT_TRUE(keys_->revoke(made->record.id));
    EXPECT_TRUE(keys_->reload());
  }
  stop = true;
  reader.join();
  EXPECT_EQ(refused, 0);
}

TEST(KeyHash, is_sha256_and_hex_is_read_strictly) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(hex_of(hash_of("abc")), abc);
  ASSERT_TRUE(hash_of_hex(abc));
  EXPECT_TRUE(same(*hash_of_hex(abc), hash_of("abc")));
  EXPECT_FALSE(same(hash_of("abd"), hash_of("abc")));
  EXPECT_FALSE(hash_of_hex(abc.substr(1)));
  EXPECT_FALSE(hash_of_hex("B" + abc.substr(1)));
  EXPECT_FALSE(hash_of_hex("g" + abc.substr(1)));
  EXPECT_FALSE(hash_of_hex(""));
}

}  // namespace
}  // namespace xc::identity
