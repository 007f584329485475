#include "identity/keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/limits.h"
#include "identity/key_hash.h"
#include "identity/tenants.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

class KeysTest : public store::TestOnDatabases {
 protected:
  void SetUp() override {
    TestOnDatabases::SetUp();
    database_ = std::move(*store::Database::open(database_url()));
    tenants_ = std::make_unique<TenantStore>(*database_, clock_, random_);
    keys_ = std::move(*KeyStore::open(*database_, clock_, random_));
  }
  ManualClock clock_;
  SeededRandom random_{42};
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<TenantStore> tenants_;
  std::unique_ptr<KeyStore> keys_;

  // One whose peer does not matter.
  Result<Caller> verify(std::string_view key, const std::string& peer = "192.0.2.1") const {
    return keys_->verify(key, peer);
  }
  std::string made(KeySpec spec) {
    auto key = keys_->create(spec);
    EXPECT_TRUE(key) << (key ? "" : text_of(key.error(), Language::En));
    return key ? key->secret : "";
  }
};

Message refusal(const Result<Caller>& result) {
  EXPECT_FALSE(result);
  if (result) return Message::None;
  EXPECT_EQ(result.error().code, Code::Unauthorized);
  return result.error().message;
}

TEST_P(KeysTest, a_new_key_is_known_and_only_it) {
  const auto made = keys_->create("first", "default");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->secret.size(), 46u);
  EXPECT_TRUE(made->secret.starts_with("xc-"));
  EXPECT_TRUE(made->record.id.starts_with("key_"));
  const auto caller = verify(made->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->key_id, made->record.id);
  EXPECT_EQ(caller->tenant, "default");
  std::string near = made->secret;
  near.back() = near.back() == 'a' ? 'b' : 'a';
  EXPECT_EQ(refusal(verify(near)), Message::BadKey);
  EXPECT_EQ(refusal(verify(made->secret + " ")), Message::BadKey);
  EXPECT_EQ(refusal(verify(made->record.prefix)), Message::BadKey);
  EXPECT_EQ(refusal(verify(made->record.id)), Message::BadKey);
}

TEST_P(KeysTest, no_key_and_a_huge_key_are_refused) {
  EXPECT_EQ(refusal(verify("")), Message::NoKey);
  EXPECT_EQ(refusal(verify(std::string(limits::kApiKeyBytesMax + 1, 'x'))), Message::BadKey);
  EXPECT_EQ(refusal(verify(std::string_view("\0\xff", 2))), Message::BadKey);
}

TEST_P(KeysTest, a_revoked_key_is_refused_at_once_and_keeps_its_first_time) {
  const auto kept = keys_->create("kept", "default");
  const auto made = keys_->create("leaver", "default");
  clock_.advance(std::chrono::seconds(5));
  const std::int64_t then = clock_.unix_ms();
  EXPECT_TRUE(keys_->revoke(made->record.id));
  EXPECT_EQ(refusal(verify(made->secret)), Message::BadKey);
  EXPECT_TRUE(verify(kept->secret));
  clock_.advance(std::chrono::seconds(5));
  EXPECT_TRUE(keys_->revoke(made->record.id));
  const auto records = keys_->list();
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 2u);
  for (const KeyRecord& record : *records) {
    EXPECT_EQ(record.revoked_unix_ms, record.name == "leaver" ? std::optional(then) : std::nullopt);
  }
}

TEST_P(KeysTest, revoking_what_is_not_there_is_not_found) {
  const Status missing = keys_->revoke("key_none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_EQ(missing.error().message, Message::NoSuchKey);
}

TEST_P(KeysTest, lists_show_the_prefix_and_never_more) {
  const auto made = keys_->create("我的钥匙", "default");
  const auto records = keys_->list();
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().name, "我的钥匙");
  EXPECT_EQ(records->front().prefix, made->secret.substr(0, 10));
  EXPECT_EQ(records->front().created_unix_ms, clock_.unix_ms());
}

TEST_P(KeysTest, names_are_bounded_and_printable) {
  EXPECT_FALSE(keys_->create("", "default"));
  EXPECT_FALSE(keys_->create(std::string(limits::kKeyNameBytesMax + 1, 'x'), "default"));
  EXPECT_FALSE(keys_->create("two\nlines", "default"));
  EXPECT_FALSE(keys_->create("fine", ""));
  EXPECT_TRUE(keys_->create("'; DROP TABLE api_keys; --", "default"));
  EXPECT_EQ(keys_->list()->size(), 1u);
}

TEST_P(KeysTest, keys_outlive_the_process_and_reload_sees_anothers_changes) {
  const auto mine = keys_->create("mine", "default");
  auto other_database = std::move(*store::Database::open(database_url()));
  SeededRandom other_random(7);
  auto other = std::move(*KeyStore::open(*other_database, clock_, other_random));
  EXPECT_TRUE(other->verify(mine->secret, "192.0.2.1"));

  const auto theirs = other->create("theirs", "default");
  EXPECT_TRUE(other->revoke(mine->record.id));
  EXPECT_FALSE(verify(theirs->secret));
  EXPECT_TRUE(keys_->reload());
  EXPECT_TRUE(verify(theirs->secret));
  EXPECT_FALSE(verify(mine->secret));
}

TEST_P(KeysTest, the_database_files_never_hold_the_secret) {
  const auto made = keys_->create("first", "default");
  const std::string unseen = made->secret.substr(made->record.prefix.size());
  const std::string bytes = stored_bytes();
  EXPECT_NE(bytes.find(made->record.id), std::string::npos);  // we did read the right files
  EXPECT_EQ(bytes.find(unseen), std::string::npos);
}

TEST_P(KeysTest, verify_goes_on_while_keys_change) {
  const auto steady = keys_->create("steady", "default");
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::thread reader([&] {
    while (!stop) refused += verify(steady->secret) ? 0 : 1;
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

TEST_P(KeysTest, a_key_carries_its_tenant_workspace_role_and_service_id) {
  ASSERT_TRUE(tenants_->create("acme"));
  ASSERT_TRUE(tenants_->add_workspace("acme", "search"));
  KeySpec spec{"robot", "acme", "search", Role::TenantAdmin, {}, {}};
  const auto key = keys_->create(spec);
  ASSERT_TRUE(key);
  const auto caller = verify(key->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->tenant, "acme");
  EXPECT_EQ(caller->workspace, "search");
  EXPECT_EQ(caller->role, Role::TenantAdmin);
  EXPECT_EQ(caller->scopes, nullptr);
  EXPECT_FALSE(caller->is_session());
  EXPECT_EQ(key->record.service_id.size(), 32u);
  EXPECT_EQ(keys_->find(key->record.service_id)->id, key->record.id);
  EXPECT_EQ(keys_->find(key->record.id)->service_id, key->record.service_id);
}

TEST_P(KeysTest, what_cannot_be_is_not_made) {
  const auto refusal_of = [&](KeySpec spec) {
    const auto key = keys_->create(spec);
    return key ? Message::None : key.error().message;
  };
  EXPECT_EQ(refusal_of({"x", "nobody"}), Message::NoSuchWorkspace);
  EXPECT_EQ(refusal_of({"x", "default", "nowhere"}), Message::NoSuchWorkspace);
  ASSERT_TRUE(tenants_->create("acme"));
  EXPECT_EQ(refusal_of({"x", "acme", "default", Role::PlatformAdmin}), Message::BadSetting);
  KeySpec spec{"x"};
  spec.scopes.sources = {"10.0.0.1/8"};
  EXPECT_EQ(refusal_of(spec), Message::BadSetting);
  spec.scopes = {};
  spec.scopes.models = {"a,b"};
  EXPECT_EQ(refusal_of(spec), Message::BadSetting);
  spec.scopes.models.assign(limits::kScopeItemsMax + 1, "a");
  EXPECT_EQ(refusal_of(spec), Message::BadSetting);
  EXPECT_TRUE(keys_->list()->empty());
}

TEST_P(KeysTest, scopes_survive_the_database) {
  KeySpec spec{"narrow"};
  spec.scopes = {{"qwen*", "tele?"}, {"/v1/*"}, {"gpu-*"}, {"10.0.0.0/8", "2001:db8::/32", "unix"}};
  const std::string secret = made(spec);
  ASSERT_TRUE(keys_->reload());
  EXPECT_EQ(keys_->list()->front().scopes, spec.scopes);
  const auto caller = verify(secret, "10.9.8.7");
  ASSERT_TRUE(caller);
  ASSERT_NE(caller->scopes, nullptr);
  EXPECT_TRUE(caller->scopes->allows_model("qwen3-8b"));
  EXPECT_FALSE(caller->scopes->allows_model("llama"));
  EXPECT_TRUE(caller->scopes->allows_pool("gpu-1"));
  EXPECT_FALSE(caller->scopes->allows_pool("npu-1"));
}

TEST_P(KeysTest, a_key_is_refused_from_elsewhere_and_the_scope_is_named) {
  KeySpec spec{"narrow"};
  spec.scopes.sources = {"10.0.0.0/8"};
  const std::string secret = made(spec);
  EXPECT_TRUE(verify(secret, "10.1.2.3"));
  EXPECT_TRUE(verify(secret, "::ffff:10.1.2.3"));
  const auto refused = verify(secret, "11.1.2.3");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Forbidden);
  EXPECT_EQ(refused.error().message, Message::ScopeRefused);
  EXPECT_EQ(refused.error().args.front(), "sources");
  EXPECT_FALSE(verify(secret, "unix"));
  EXPECT_FALSE(verify(secret, ""));
}

TEST_P(KeysTest, a_key_ends_at_its_time) {
  KeySpec spec{"short"};
  spec.expires_unix_ms = clock_.unix_ms() + 1'000;
  const std::string secret = made(spec);
  clock_.advance(std::chrono::milliseconds(999));
  EXPECT_TRUE(verify(secret));
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(refusal(verify(secret)), Message::KeyExpired);
}

TEST_P(KeysTest, after_a_rotation_both_secrets_work_for_a_while) {
  const auto first = keys_->create("turning", "default");
  const auto second = keys_->rotate(first->record.id, 10'000);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->record.id, first->record.id);
  EXPECT_NE(second->secret, first->secret);
  EXPECT_EQ(second->record.prefix, second->secret.substr(0, 10));
  EXPECT_EQ(verify(first->secret)->key_id, first->record.id);
  EXPECT_EQ(verify(second->secret)->key_id, first->record.id);
  ASSERT_TRUE(keys_->reload());  // as another gateway sees it
  EXPECT_TRUE(verify(first->secret));
  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(refusal(verify(first->secret)), Message::BadKey);
  EXPECT_TRUE(verify(second->secret));
  const auto third = keys_->rotate(first->record.service_id, 0);
  ASSERT_TRUE(third);
  EXPECT_EQ(refusal(verify(second->secret)), Message::BadKey);
  EXPECT_EQ(refusal(verify(first->secret)), Message::BadKey);
  EXPECT_TRUE(verify(third->secret));
  ASSERT_TRUE(keys_->revoke(first->record.id));
  EXPECT_EQ(refusal(verify(third->secret)), Message::BadKey);
  EXPECT_EQ(keys_->rotate(first->record.id, 0).error().message, Message::NoSuchKey);
}

TEST_P(KeysTest, a_revoked_key_takes_its_old_secret_along) {
  const auto first = keys_->create("turning", "default");
  const auto second = keys_->rotate(first->record.id, 100'000);
  ASSERT_TRUE(keys_->revoke(first->record.id));
  EXPECT_FALSE(verify(first->secret));
  EXPECT_FALSE(verify(second->secret));
}

TEST_P(KeysTest, a_suspended_tenant_has_no_keys_until_it_is_resumed) {
  ASSERT_TRUE(tenants_->create("acme"));
  const auto key = keys_->create("theirs", "acme");
  ASSERT_TRUE(tenants_->suspend("acme", true));
  ASSERT_TRUE(keys_->refresh());
  EXPECT_FALSE(verify(key->secret));
  const auto late = keys_->create("late", "acme");
  ASSERT_TRUE(late);
  EXPECT_FALSE(verify(late->secret));
  const auto turned = keys_->rotate(key->record.id, 60'000);
  ASSERT_TRUE(turned);
  EXPECT_FALSE(verify(turned->secret));
  ASSERT_TRUE(tenants_->suspend("acme", false));
  ASSERT_TRUE(keys_->refresh());
  EXPECT_TRUE(verify(key->secret));
  EXPECT_TRUE(verify(turned->secret));
}

TEST_P(KeysTest, the_last_use_is_coarse_and_is_kept) {
  const auto key = keys_->create("used", "default");
  EXPECT_FALSE(keys_->list()->front().last_used_unix_ms);
  ASSERT_TRUE(verify(key->secret));
  const std::int64_t first = clock_.unix_ms();
  clock_.advance(limits::kLastUsedGrain - std::chrono::seconds(1));
  ASSERT_TRUE(verify(key->secret));
  EXPECT_EQ(keys_->list()->front().last_used_unix_ms, first);
  ASSERT_TRUE(keys_->reload());  // does not forget what was not written yet
  EXPECT_EQ(keys_->list()->front().last_used_unix_ms, first);
  clock_.advance(std::chrono::seconds(1));
  ASSERT_TRUE(verify(key->secret));
  ASSERT_TRUE(keys_->flush_last_used());
  const auto later = KeyStore::open(*database_, clock_, random_);
  EXPECT_EQ((*later)->list()->front().last_used_unix_ms, clock_.unix_ms());
}

TEST_P(KeysTest, another_process_notices_a_revocation_by_itself) {
  const auto key = keys_->create("shared", "default");
  auto other_database = std::move(*store::Database::open(database_url()));
  auto other = std::move(*KeyStore::open(*other_database, clock_, random_));
  EXPECT_TRUE(other->verify(key->secret, "unix"));
  ASSERT_TRUE(keys_->revoke(key->record.id));
  ASSERT_TRUE(other->refresh());
  EXPECT_FALSE(other->verify(key->secret, "unix"));
}

TEST_P(KeysTest, one_tenant_cannot_take_the_room_of_all) {
  ASSERT_TRUE(tenants_->create("acme"));
  const auto gone = keys_->create("gone", "acme");
  ASSERT_TRUE(keys_->revoke(gone->record.id));
  ASSERT_TRUE(database_->execute(
      "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < :p0) "
      "INSERT INTO api_keys (id, name, prefix, hash, tenant, workspace, role, created_unix_ms, "
      "revoked_unix_ms) SELECT 'key_' || i, 'x', 'xc-', 'hash' || i, 'acme', 'default', 'none', 1, "
      "1 FROM n",
      {limits::kTenantKeysMax}));
  EXPECT_TRUE(keys_->create("last", "acme"));
  const auto refused = keys_->create("one too many", "acme");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Conflict);
  EXPECT_EQ(refused.error().message, Message::TenantFull);
  EXPECT_NE(text_of(refused.error(), Language::En).find("'acme' has 10000 keys"),
            std::string::npos);
  EXPECT_TRUE(keys_->create("others", "default"));
}

TEST_P(KeysTest, a_caller_knows_when_its_key_ends) {
  KeySpec spec{"short"};
  spec.expires_unix_ms = clock_.unix_ms() + 1'000;
  EXPECT_EQ(verify(made(spec))->expires_unix_ms, spec.expires_unix_ms);
  EXPECT_EQ(verify(made({"long"}))->expires_unix_ms, std::nullopt);
}

TEST_P(KeysTest, a_row_that_cannot_be_enforced_is_refused) {
  const auto key = keys_->create("odd", "default");
  ASSERT_TRUE(database_->execute("UPDATE api_keys SET sources = 'nonsense'"));
  ASSERT_TRUE(keys_->reload());
  EXPECT_FALSE(verify(key->secret));
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

INSTANTIATE_TEST_SUITE_P(On, KeysTest, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::identity
