#include "identity/tenants.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "identity/accounts.h"
#include "identity/keys.h"
#include "store/migrations.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

class TenantsTest : public store::TestOnDatabases {
 protected:
  ManualClock clock_;
  SeededRandom random_{42};
  std::unique_ptr<store::Database> database_ = std::move(*store::Database::open(database_url()));
  TenantStore tenants_{*database_, clock_, random_};
};

TEST_P(TenantsTest, the_first_tenant_and_its_workspace_are_there) {
  const auto all = tenants_.list();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().name, "default");
  EXPECT_EQ(tenants_.workspaces()->front().name, "default");
}

TEST_P(TenantsTest, names_and_ids) {
  const auto made = tenants_.create("acme");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->id.size(), 32u);
  EXPECT_EQ(made->id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(tenants_.find("acme")->id, made->id);
  const auto again = tenants_.create("acme");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict);
  for (const char* bad : {"", "Acme", "-a", ".a", "a b", "a/b", "a:b", "星槎", "a\n", "a,b"}) {
    EXPECT_FALSE(tenants_.create(bad)) << bad;
  }
  EXPECT_FALSE(tenants_.create(std::string(65, 'a')));
  EXPECT_EQ(tenants_.find("other").error().message, Message::NoSuchTenant);
}

TEST_P(TenantsTest, workspaces_are_named_within_their_tenant) {
  ASSERT_TRUE(tenants_.create("acme"));
  EXPECT_TRUE(tenants_.add_workspace("acme", "search"));
  EXPECT_TRUE(tenants_.add_workspace("default", "search"));
  EXPECT_EQ(tenants_.add_workspace("acme", "search").error().message, Message::NameTaken);
  EXPECT_EQ(tenants_.add_workspace("nobody", "x").error().message, Message::NoSuchTenant);
  EXPECT_EQ(tenants_.workspaces()->size(), 4u);  // "default" twice, "search" twice
}

// Adds rows numbered :p0 … :p1 - 1: room for one more stays.
std::string filler(std::string_view table, std::string_view columns, std::string_view values) {
  return "WITH RECURSIVE n(i) AS (SELECT CAST(:p0 AS BIGINT) UNION ALL SELECT i + 1 "
         "FROM n WHERE i < :p1 - 1) "
         "INSERT INTO " +
         std::string(table) + " (" + std::string(columns) + ") SELECT " + std::string(values) +
         " FROM n";
}

TEST_P(TenantsTest, one_tenant_has_so_many_workspaces) {
  ASSERT_TRUE(tenants_.create("acme"));
  ASSERT_TRUE(database_->execute(
      filler("workspaces", "id, tenant, name, created_unix_ms", "'id' || i, 'acme', 'w' || i, 1"),
      {std::int64_t{2}, limits::kTenantWorkspacesMax}));
  EXPECT_TRUE(tenants_.add_workspace("acme", "last"));
  const auto refused = tenants_.add_workspace("acme", "over");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Conflict);
  EXPECT_EQ(refused.error().message, Message::TenantFull);
  EXPECT_TRUE(tenants_.add_workspace("default", "over"));
}

TEST_P(TenantsTest, one_tenant_has_so_many_users) {
  ASSERT_TRUE(tenants_.create("acme"));
  ASSERT_TRUE(database_->execute(
      filler("users", "id, tenant, name, role, password_hash, created_unix_ms, disabled_unix_ms",
             "'id' || i, 'acme', 'u' || i, 'developer', 'x', 1, 1"),
      {std::int64_t{1}, limits::kTenantUsersMax}));
  UserStore users(*database_, clock_, random_, secrets::MasterKey(random_));
  EXPECT_TRUE(users.create({"last", "acme", Role::Developer, "correct horse battery"}));
  const auto refused = users.create({"over", "acme", Role::Developer, "correct horse battery"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::TenantFull);
  EXPECT_TRUE(users.create({"over", "default", Role::Developer, "correct horse battery"}));
}

TEST_P(TenantsTest, the_first_tenant_cannot_be_suspended) {
  EXPECT_FALSE(tenants_.suspend("default", true));
  EXPECT_FALSE(tenants_.suspend("nobody", true));
  ASSERT_TRUE(tenants_.create("acme"));
  ASSERT_TRUE(tenants_.suspend("acme", true));
  const std::int64_t first = clock_.unix_ms();
  clock_.advance(std::chrono::seconds(1));
  ASSERT_TRUE(tenants_.suspend("acme", true));
  EXPECT_EQ(tenants_.find("acme")->suspended_unix_ms, first);
  ASSERT_TRUE(tenants_.suspend("acme", false));
  EXPECT_FALSE(tenants_.find("acme")->suspended_unix_ms);
}

TEST_P(TenantsTest, contents_are_kept_when_the_tenant_wants_it) {
  ASSERT_TRUE(tenants_.create("acme"));
  EXPECT_EQ(tenants_.find("acme")->audit_content, AuditContent::None);
  ASSERT_TRUE(tenants_.set_audit_content("acme", AuditContent::Full));
  EXPECT_EQ(tenants_.find("acme")->audit_content, AuditContent::Full);
  EXPECT_EQ(tenants_.list()->at(0).audit_content, AuditContent::None);  // default's
  EXPECT_EQ(tenants_.set_audit_content("nobody", AuditContent::Full).error().message,
            Message::NoSuchTenant);
  const auto keys = std::move(*KeyStore::open(*database_, clock_, random_));
  const std::string theirs = keys->create("a", "acme")->secret;
  const std::string others = keys->create("b", "default")->secret;
  EXPECT_EQ(keys->verify(theirs, "unix")->audit_content, AuditContent::Full);
  EXPECT_EQ(keys->verify(others, "unix")->audit_content, AuditContent::None);
  ASSERT_TRUE(tenants_.set_audit_content("acme", AuditContent::None));
  ASSERT_TRUE(keys->refresh());  // another process changed it
  EXPECT_EQ(keys->verify(theirs, "unix")->audit_content, AuditContent::None);
}

// A database of the version before tenants existed.
class TenantsMigration : public store::TestOnDatabases {};
TEST_P(TenantsMigration, old_keys_keep_working_with_the_right_they_had) {
  ManualClock clock;
  SeededRandom random(1);
  const std::string path = database_url();
  {
    const auto first = store::all_migrations().first(1);
    auto old = std::move(*store::Database::open(path, first));
    const std::string insert =
        "INSERT INTO api_keys (id, name, prefix, hash, tenant, created_unix_ms) "
        "VALUES (:p0, :p1, :p2, :p3, :p4, :p5)";
    ASSERT_TRUE(
        old->execute(insert, {"key_1", "first", "xc-a",
                              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                              "default", std::int64_t{1}}));
    ASSERT_TRUE(
        old->execute(insert, {"key_2", "theirs", "xc-b",
                              "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34",
                              "Someone Else", std::int64_t{2}}));
  }
  auto database = std::move(*store::Database::open(path));
  const auto accounts = Accounts::open(*database, clock, random, secrets::MasterKey(random));
  ASSERT_TRUE(accounts);
  const auto keys = std::move(*KeyStore::open(*database, clock, random));
  const auto first = keys->verify("abc", "unix");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->role, Role::PlatformAdmin);
  EXPECT_EQ(first->tenant, "default");
  EXPECT_EQ(first->workspace, "default");
  EXPECT_EQ(first->scopes, nullptr);
  const auto theirs = keys->verify("def", "unix");
  ASSERT_TRUE(theirs);
  EXPECT_EQ(theirs->role, Role::None);
  EXPECT_EQ(theirs->tenant, "Someone Else");
  EXPECT_EQ((*accounts)->tenants.list()->size(), 2u);
  EXPECT_EQ((*accounts)->tenants.workspaces()->size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(On, TenantsTest, store::on_all_databases(), store::name_of_kind);

INSTANTIATE_TEST_SUITE_P(On, TenantsMigration, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::identity
