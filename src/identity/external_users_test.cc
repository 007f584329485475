#include "identity/external_users.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/limits.h"
#include "identity/accounts.h"
#include "identity/columns.h"
#include "identity/key_hash.h"
#include "identity/sealed_columns.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

constexpr const char* kIssuer = "https://idp.example";

class ExternalUsersTest : public store::TestOnDatabases {
 protected:
  ExternalUsersTest() { EXPECT_TRUE(accounts_->tenants.create("acme")); }

  Result<ExternalUsers::Found> admit(std::string subject, std::string name,
                                     std::optional<Role> role = Role::Developer,
                                     std::string tenant = "default", bool create = true) {
    return accounts_->external.admit({kIssuer, std::move(subject), std::move(name)},
                                     {std::move(tenant), role}, create);
  }
  static Message refusal(const auto& result) {
    return result ? Message::None : result.error().message;
  }

  ManualClock clock_;
  SeededRandom random_{42};
  std::unique_ptr<store::Database> database_ = std::move(*store::Database::open(database_url()));
  secrets::MasterKey master_{random_};
  std::unique_ptr<Accounts> accounts_ =
      std::move(*Accounts::open(*database_, clock_, random_, master_));
};

TEST_P(ExternalUsersTest, a_subject_is_one_user_whatever_its_name) {
  const auto first = admit("s1", "li");
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->made);
  const auto again = admit("s1", "renamed");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->user.id, first->user.id);
  EXPECT_EQ(accounts_->users.list()->size(), 1u);
  EXPECT_TRUE(*accounts_->external.is_linked(first->user.id));
}

TEST_P(ExternalUsersTest, a_name_is_no_identity) {
  const auto local =
      accounts_->users.create({"li", "default", Role::PlatformAdmin, "correct horse battery"});
  ASSERT_TRUE(local);
  const auto theirs = admit("s1", "li");
  ASSERT_TRUE(theirs);
  EXPECT_NE(theirs->user.id, local->id);
  EXPECT_TRUE(theirs->user.name.starts_with("li#")) << theirs->user.name;
  EXPECT_EQ(theirs->user.role, Role::Developer);
  EXPECT_FALSE(*accounts_->external.is_linked(local->id));
  const auto longest = admit("s2", std::string(limits::kKeyNameBytesMax, 'x'));
  const auto same = admit("s3", std::string(limits::kKeyNameBytesMax, 'x'));
  ASSERT_TRUE(longest && same);
  EXPECT_LE(same->user.name.size(), limits::kKeyNameBytesMax);
}

TEST_P(ExternalUsersTest, the_provider_decides_the_role) {
  const std::string id = admit("s1", "li", Role::Auditor)->user.id;
  const auto session = accounts_->sessions->admit(id);
  ASSERT_TRUE(session);
  EXPECT_EQ(accounts_->sessions->verify(session->token)->role, Role::Auditor);
  EXPECT_EQ(accounts_->sessions->verify(session->token)->user_name, "li");
  EXPECT_EQ(admit("s1", "li", Role::TenantAdmin)->user.role, Role::TenantAdmin);
  EXPECT_TRUE(accounts_->sessions->refresh());
  EXPECT_EQ(accounts_->sessions->verify(session->token)->role, Role::TenantAdmin)
      << "also in sessions that run";
  EXPECT_EQ(admit("s1", "li", std::nullopt)->user.role, Role::TenantAdmin) << "as it is here";
}

TEST_P(ExternalUsersTest, who_is_disabled_stays_out) {
  const std::string id = admit("s1", "li")->user.id;
  ASSERT_TRUE(accounts_->users.disable(id));
  EXPECT_EQ(refusal(admit("s1", "li")), Message::UserOff);
  EXPECT_EQ(refusal(admit("s1", "li", Role::Developer, "acme")), Message::UserOff)
      << "in whichever tenant";
  EXPECT_EQ(refusal(accounts_->sessions->admit(id)), Message::UserOff);
  const std::string other = admit("s2", "wang", Role::Developer, "acme")->user.id;
  ASSERT_TRUE(accounts_->tenants.suspend("acme", true));
  EXPECT_EQ(refusal(admit("s2", "wang", Role::Developer, "acme")), Message::UserOff);
  EXPECT_EQ(refusal(accounts_->sessions->admit(other)), Message::UserOff);
}

TEST_P(ExternalUsersTest, nobody_is_made_unasked) {
  EXPECT_EQ(refusal(admit("s1", "li", Role::Developer, "default", false)), Message::OidcNoUser);
  EXPECT_EQ(refusal(admit("s1", "li", std::nullopt)), Message::OidcNoUser);
  EXPECT_EQ(refusal(admit("s1", "li", Role::Developer, "nowhere")), Message::OidcNoTenant);
  // Made by an administrator before.
  const auto made = accounts_->users.create({"li", "default", Role::Auditor, {}, kIssuer, "s1"});
  ASSERT_TRUE(made);
  const auto found = admit("s1", "li", Role::Auditor, "default", false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user.id, made->id);
  EXPECT_EQ(refusal(accounts_->users.create({"b", "default", Role::Auditor, {}, kIssuer, "s1"})),
            Message::SubjectTaken);
}

TEST_P(ExternalUsersTest, without_a_password_no_password_fits) {
  ASSERT_TRUE(admit("s1", "li"));
  for (const char* password : {"", "correct horse battery"}) {
    EXPECT_EQ(refusal(accounts_->sessions->login({"default", "li", password, "", "192.0.2.1"})),
              Message::BadLogin);
  }
}

TEST_P(ExternalUsersTest, a_state_works_once) {
  const LoginState login = make_login_state(random_, "/", clock_.unix_ms());
  const LoginState other = make_login_state(random_, "/", clock_.unix_ms());
  EXPECT_TRUE(*accounts_->external.use_state(login));
  EXPECT_FALSE(*accounts_->external.use_state(login));
  EXPECT_TRUE(*accounts_->external.use_state(other));
  ExternalUsers second(*database_, clock_, random_, accounts_->users, master_);
  EXPECT_FALSE(*second.use_state(login)) << "nor at another gateway";
}

TEST_P(ExternalUsersTest, all_gateways_of_a_database_share_the_key) {
  ExternalUsers second(*database_, clock_, random_, accounts_->users, master_);
  EXPECT_EQ(*accounts_->external.seal_key(), *second.seal_key());
  EXPECT_NE(*second.seal_key(), SealKey{});
}

TEST_P(ExternalUsersTest, the_key_lies_there_sealed_and_one_in_the_clear_still_opens) {
  const auto kept = [this] {
    return text_in(database_->query("SELECT value FROM identity_secrets")->at(0).at(0));
  };
  ASSERT_TRUE(accounts_->external.seal_key());
  EXPECT_TRUE(kept().starts_with("sealed:1:")) << kept();
  ExternalUsers elsewhere(*database_, clock_, random_, accounts_->users,
                          secrets::MasterKey(random_));
  const auto wrong = elsewhere.seal_key();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, Message::LoginKeySealed);
  EXPECT_EQ(wrong.error().code, Code::Unavailable);
  const std::string clear(64, 'a');  // as an older program left it
  ASSERT_TRUE(database_->execute("UPDATE identity_secrets SET value = :p0", {clear}));
  const SealKey old =
      *ExternalUsers(*database_, clock_, random_, accounts_->users, master_).seal_key();
  EXPECT_EQ(old, SealKey(*hash_of_hex(clear)));
  EXPECT_EQ(secrets::seal_anew(*database_, master_, shared_key_column())->sealed, 1);
  EXPECT_EQ(kept().find(clear), std::string::npos);
  EXPECT_EQ(*ExternalUsers(*database_, clock_, random_, accounts_->users, master_).seal_key(), old);
}

INSTANTIATE_TEST_SUITE_P(On, ExternalUsersTest, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::identity
