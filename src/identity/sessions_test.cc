#include "identity/sessions.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <utility>

#include "base/limits.h"
#include "identity/accounts.h"
#include "identity/columns.h"
#include "identity/login_throttle.h"
#include "identity/sealed_columns.h"
#include "identity/totp.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

constexpr const char* kPassword = "correct horse battery";

class SessionsTest : public store::TestOnDatabases {
 protected:
  SessionsTest() { user_ = users().create({"li", "default", Role::PlatformAdmin, kPassword})->id; }
  UserStore& users() { return accounts_->users; }
  SessionStore& sessions() { return *accounts_->sessions; }
  Result<Session> login(std::string password = kPassword, std::string code = "",
                        std::string name = "li", std::string peer = "192.0.2.1") {
    return sessions().login(
        {"default", std::move(name), std::move(password), std::move(code), std::move(peer)});
  }
  std::string code_of(const std::string& secret, int beside = 0) {
    return totp_code(*bytes_of_base32(secret), clock_.unix_ms() / 30'000 + beside);
  }
  // With its first code, of the step before: those of now are still good.
  std::string confirmed_totp(const std::string& user) {
    std::string secret = *users().enable_totp(user);
    EXPECT_TRUE(sessions().confirm_totp(user, code_of(secret, -1), "192.0.2.1"));
    return secret;
  }
  static Message refusal(const Result<Session>& result) {
    return result ? Message::None : result.error().message;
  }

  ManualClock clock_;
  SeededRandom random_{42};
  std::unique_ptr<store::Database> database_ = std::move(*store::Database::open(database_url()));
  secrets::MasterKey master_{random_};
  std::unique_ptr<Accounts> accounts_ =
      std::move(*Accounts::open(*database_, clock_, random_, master_));
  std::string user_;
};

TEST_P(SessionsTest, users_are_checked_when_made) {
  const auto refused = [&](UserSpec spec) {
    const auto made = users().create(spec);
    return made ? Message::None : made.error().message;
  };
  EXPECT_EQ(refused({"li", "default", Role::Developer, kPassword}), Message::NameTaken);
  EXPECT_EQ(refused({"wang", "nobody", Role::Developer, kPassword}), Message::NoSuchTenant);
  EXPECT_EQ(refused({"wang", "default", Role::None, kPassword}), Message::BadSetting);
  EXPECT_EQ(refused({"wang", "default", Role::Developer, "short"}), Message::BadLength);
  EXPECT_EQ(refused({"", "default", Role::Developer, kPassword}), Message::BadSetting);
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  EXPECT_EQ(refused({"li", "acme", Role::PlatformAdmin, kPassword}), Message::BadSetting);
  EXPECT_EQ(refused({"li", "acme", Role::TenantAdmin, kPassword}), Message::None);
  EXPECT_EQ(users().list()->size(), 2u);
}

TEST_P(SessionsTest, a_login_gives_a_token_that_ends) {
  const auto session = login();
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->token.starts_with("xcs-"));
  EXPECT_EQ(session->user.name, "li");
  const auto caller = sessions().verify(session->token);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, user_);
  EXPECT_EQ(caller->role, Role::PlatformAdmin);
  EXPECT_TRUE(caller->is_session());
  EXPECT_FALSE(sessions().verify(session->token + "x"));
  EXPECT_FALSE(sessions().verify(""));
  clock_.advance(limits::kSessionLife - std::chrono::seconds(1));
  EXPECT_TRUE(sessions().verify(session->token));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(sessions().verify(session->token));
}

TEST_P(SessionsTest, wrong_names_and_passwords_are_refused_alike) {
  for (const auto& result : {login("wrong password"), login(kPassword, "", "nobody"), login(""),
                             sessions().login({"nobody", "li", kPassword, "", "192.0.2.1"})}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::Unauthorized);
    EXPECT_EQ(result.error().message, Message::BadLogin);
    EXPECT_TRUE(result.error().args.empty());
  }
}

// Rows that were changed, or transactions that changed some: what has to go to the disk.
TEST_P(SessionsTest, refused_logins_change_as_much_whether_the_name_exists_or_not) {
  const std::string id = users().create({"gone", "default", Role::Developer, kPassword})->id;
  ASSERT_TRUE(users().disable(id));
  const auto changes = [this] {
    const auto rows = database_->query(GetParam() == store::TestKind::Sqlite
                                           ? "SELECT CAST(total_changes() AS TEXT)"
                                           : "SELECT CAST(txid_current() AS TEXT)");
    return std::stoll(std::get<std::string>(rows->front().front()));
  };
  const auto work = [&](const std::string& name, const std::string& tenant) {
    const long long before = changes();
    EXPECT_FALSE(sessions().login({tenant, name, "wrong password", "", "192.0.2.1"}));
    return changes() - before;
  };
  const long long usual = work("li", "default");
  EXPECT_GT(usual, GetParam() == store::TestKind::Sqlite ? 0 : 1);  // asking takes a number too
  EXPECT_EQ(work("nobody", "default"), usual);
  EXPECT_EQ(work("li", "nobody"), usual);
  EXPECT_EQ(work("gone", "default"), usual);
  for (int i = 1; i < limits::kLoginFailuresMax; ++i) EXPECT_EQ(work("li", "default"), usual);
  EXPECT_EQ(refusal(login()), Message::BadLogin);  // locked by now
  EXPECT_EQ(work("li", "default"), usual);
}

TEST_P(SessionsTest, failures_in_a_row_lock_the_account_for_a_while) {
  for (int i = 0; i < limits::kLoginFailuresMax - 1; ++i) EXPECT_FALSE(login("wrong password"));
  EXPECT_TRUE(login());  // begins anew
  for (int i = 0; i < limits::kLoginFailuresMax; ++i) EXPECT_FALSE(login("wrong password"));
  EXPECT_TRUE(users().find(user_)->locked_until_unix_ms);
  ASSERT_EQ(users().locked()->size(), 1u);
  EXPECT_EQ(users().locked()->front().id, user_);
  EXPECT_EQ(refusal(login()), Message::BadLogin) << "locked, also from elsewhere";
  EXPECT_FALSE(login(kPassword, "", "li", "198.51.100.1"));
  clock_.advance(limits::kLoginLockout);
  EXPECT_TRUE(users().locked()->empty());
  EXPECT_TRUE(login());
}

TEST_P(SessionsTest, a_new_password_unlocks_and_ends_sessions) {
  const auto session = login();
  for (int i = 0; i < limits::kLoginFailuresMax; ++i) EXPECT_FALSE(login("wrong password"));
  ASSERT_TRUE(users().set_password(user_, "another good password"));
  ASSERT_TRUE(sessions().refresh());
  EXPECT_FALSE(sessions().verify(session->token));
  EXPECT_FALSE(login());
  EXPECT_TRUE(login("another good password"));
}

// Does something once, when the next token is made: in the middle of a login.
class Meddling final : public RandomSource {
 public:
  std::uint64_t next() override {
    if (meddle) std::exchange(meddle, nullptr)();
    return random_.next();
  }
  std::function<void()> meddle;

 private:
  SeededRandom random_{7};
};

TEST_P(SessionsTest, a_login_in_flight_does_not_outlive_a_change_of_the_user) {
  Meddling random;
  const auto store = *SessionStore::open(*database_, clock_, random, master_);
  const auto outcome = [&](const std::string& name, auto change) {
    const std::string id = users().create({name, "default", Role::Developer, kPassword})->id;
    random.meddle = [&] { EXPECT_TRUE(change(id)); };
    return refusal(store->login({"default", name, kPassword, "", "192.0.2.1"}));
  };
  EXPECT_EQ(outcome("a", [](const std::string&) { return true; }), Message::None);
  EXPECT_EQ(outcome("b",
                    [this](const std::string& id) {
                      return users().set_password(id, "another good password").has_value();
                    }),
            Message::BadLogin);
  EXPECT_EQ(
      outcome("c", [this](const std::string& id) { return users().enable_totp(id).has_value(); }),
      Message::BadLogin);
  EXPECT_EQ(outcome("d", [this](const std::string& id) { return users().disable(id).has_value(); }),
            Message::BadLogin);
  EXPECT_FALSE(users().find("default", "b")->last_login_unix_ms);
}

TEST_P(SessionsTest, codes_are_needed_once_switched_on_and_work_once) {
  const std::string secret = confirmed_totp(user_);
  const auto code = [&](int beside) { return code_of(secret, beside); };
  EXPECT_EQ(refusal(login()), Message::CodeNeeded);
  EXPECT_EQ(refusal(login("wrong password")), Message::BadLogin) << "says nothing about codes";
  EXPECT_EQ(refusal(login(kPassword, "000000")), Message::BadLogin);
  EXPECT_TRUE(login(kPassword, code(0)));
  EXPECT_EQ(refusal(login(kPassword, code(0))), Message::BadLogin) << "seen once";
  EXPECT_TRUE(login(kPassword, code(1)));
  ASSERT_TRUE(users().disable_totp(user_));
  EXPECT_TRUE(login());
}

TEST_P(SessionsTest, the_secret_lies_there_sealed_for_its_user) {
  const std::string secret = confirmed_totp(user_);
  const std::string other = users().create({"wang", "default", Role::Auditor, kPassword})->id;
  confirmed_totp(other);
  EXPECT_EQ(stored_bytes().find(secret), std::string::npos);
  const auto code = [&] { return totp_code(*bytes_of_base32(secret), clock_.unix_ms() / 30'000); };
  ASSERT_TRUE(login(kPassword, code()));
  // Moved to another user it does not open, and nobody is locked for that.
  ASSERT_TRUE(database_->execute(
      "UPDATE users SET totp_secret = (SELECT totp_secret FROM users WHERE id = :p0) "
      "WHERE id = :p1",
      {user_, other}));
  for (int i = 0; i <= limits::kLoginFailuresMax; ++i) {
    const auto refused = login(kPassword, code(), "wang");
    EXPECT_EQ(refusal(refused), Message::SecondFactorSealed);
    EXPECT_EQ(refused.error().code, Code::Unavailable);
  }
  EXPECT_EQ(refusal(login("wrong password", code(), "wang")), Message::BadLogin)
      << "says nothing to strangers";
  EXPECT_EQ(*secrets::unread_of(*database_, master_, second_factor_column()),
            std::vector<std::string>{"default/wang"});
  ASSERT_TRUE(users().disable_totp(other));
  EXPECT_TRUE(login(kPassword, "", "wang"));
}

TEST_P(SessionsTest, a_secret_in_the_clear_works_and_is_sealed) {
  const std::string secret = confirmed_totp(user_);
  ASSERT_TRUE(database_->execute("UPDATE users SET totp_secret = :p0", {secret}));
  const auto code = [&] { return totp_code(*bytes_of_base32(secret), clock_.unix_ms() / 30'000); };
  EXPECT_TRUE(login(kPassword, code()));
  EXPECT_EQ(secrets::seal_anew(*database_, master_, second_factor_column())->sealed, 1);
  EXPECT_EQ(secrets::seal_anew(*database_, master_, second_factor_column())->sealed, 0);
  const auto rows = database_->query("SELECT totp_secret FROM users");
  EXPECT_TRUE(text_in(rows->at(0).at(0)).starts_with("sealed:1:"));
  clock_.advance(std::chrono::seconds(30));
  EXPECT_TRUE(login(kPassword, code()));
}

TEST_P(SessionsTest, a_new_authenticator_is_in_force_after_its_first_right_code) {
  const std::string first = *users().enable_totp(user_);
  EXPECT_FALSE(users().find(user_)->totp);
  EXPECT_TRUE(users().find(user_)->totp_waiting);
  const auto before = login();
  ASSERT_TRUE(before) << "nothing is in force yet";
  EXPECT_EQ(refusal(login(kPassword, "000000")), Message::BadLogin) << "who says a code is asked";
  EXPECT_TRUE(sessions().verify(before->token));
  const auto with_code = login(kPassword, code_of(first));
  ASSERT_TRUE(with_code) << "a login confirms it";
  EXPECT_TRUE(with_code->user.totp);
  EXPECT_FALSE(sessions().verify(before->token)) << "sessions from before end";
  EXPECT_EQ(refusal(login()), Message::CodeNeeded);
  // Another one: the first stays until that is confirmed.
  clock_.advance(std::chrono::seconds(90));
  const std::string second = *users().enable_totp(user_);
  EXPECT_TRUE(users().find(user_)->totp && users().find(user_)->totp_waiting);
  EXPECT_TRUE(login(kPassword, code_of(first)));
  EXPECT_EQ(refusal(login()), Message::CodeNeeded);
  const auto wrong = sessions().confirm_totp(user_, code_of(first, 1), "192.0.2.1");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, Message::BadLogin);
  EXPECT_TRUE(sessions().confirm_totp(user_, code_of(second), "192.0.2.1"));
  EXPECT_FALSE(sessions().verify(with_code->token));
  EXPECT_EQ(refusal(login(kPassword, code_of(first, 1))), Message::BadLogin);
  EXPECT_EQ(refusal(login(kPassword, code_of(second))), Message::BadLogin) << "seen once";
  EXPECT_TRUE(login(kPassword, code_of(second, 1)));
  EXPECT_EQ(sessions().confirm_totp(user_, code_of(second, 1), "192.0.2.1").error().message,
            Message::NothingToConfirm);
}

TEST_P(SessionsTest, wrong_first_codes_lock_too) {
  const std::string secret = *users().enable_totp(user_);
  for (int i = 0; i < limits::kLoginFailuresMax; ++i) {
    EXPECT_FALSE(sessions().confirm_totp(user_, "000000", "192.0.2.1"));
  }
  EXPECT_TRUE(users().find(user_)->locked_until_unix_ms);
  EXPECT_FALSE(sessions().confirm_totp(user_, code_of(secret), "192.0.2.1"));
  EXPECT_FALSE(users().find(user_)->totp);
}

TEST_P(SessionsTest, one_that_waits_lies_there_sealed_and_goes_with_the_other) {
  random_.next();  // another secret than those of other tests, whose bytes may lie there too
  const std::string secret = *users().enable_totp(user_);
  EXPECT_EQ(stored_bytes().find(secret), std::string::npos);
  const std::string other = users().create({"wang", "default", Role::Auditor, kPassword})->id;
  ASSERT_TRUE(database_->execute(
      "UPDATE users SET totp_waiting = (SELECT totp_waiting FROM users WHERE id = :p0) "
      "WHERE id = :p1",
      {user_, other}));
  EXPECT_EQ(refusal(login(kPassword, code_of(secret), "wang")), Message::BadLogin);
  EXPECT_EQ(*secrets::unread_of(*database_, master_, new_second_factor_column()),
            std::vector<std::string>{"default/wang"});
  ASSERT_TRUE(users().disable_totp(user_));
  EXPECT_FALSE(users().find(user_)->totp_waiting);
  EXPECT_TRUE(login(kPassword, "any"));
}

TEST_P(SessionsTest, one_that_does_not_open_is_replaced) {
  confirmed_totp(user_);
  ASSERT_TRUE(database_->execute("UPDATE users SET totp_secret = 'sealed:1:damaged'"));
  EXPECT_EQ(refusal(login(kPassword, "000000")), Message::SecondFactorSealed);
  const std::string renewed = *users().enable_totp(user_);
  EXPECT_TRUE(secrets::unread_of(*database_, master_, second_factor_column())->empty());
  EXPECT_EQ(refusal(login()), Message::CodeNeeded) << "it is in force at once";
  EXPECT_TRUE(login(kPassword, code_of(renewed)));
}

TEST_P(SessionsTest, wrong_codes_lock_too) {
  confirmed_totp(user_);
  for (int i = 0; i < limits::kLoginFailuresMax; ++i) EXPECT_FALSE(login(kPassword, "000000"));
  EXPECT_TRUE(users().find(user_)->locked_until_unix_ms);
}

TEST_P(SessionsTest, one_source_is_slowed_down_and_others_are_not) {
  for (int i = 0; i < limits::kLoginSourceFailuresMax; ++i) {
    EXPECT_EQ(refusal(login("wrong password", "", "nobody")), Message::BadLogin);
  }
  const auto slowed = login();
  ASSERT_FALSE(slowed);
  EXPECT_EQ(slowed.error().code, Code::RateLimited);
  EXPECT_GT(slowed.error().retry_after_s, 0);
  EXPECT_EQ(sessions().sources_refused(), 1);
  EXPECT_TRUE(login(kPassword, "", "li", "198.51.100.1"));
  clock_.advance(limits::kLoginWindow);
  EXPECT_EQ(sessions().sources_refused(), 0);
  EXPECT_TRUE(login());
}

TEST_P(SessionsTest, disabled_users_and_suspended_tenants_are_out) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  ASSERT_TRUE(users().create({"wang", "acme", Role::TenantAdmin, kPassword}));
  const auto theirs = sessions().login({"acme", "wang", kPassword, "", "192.0.2.1"});
  const auto mine = login();
  ASSERT_TRUE(theirs);
  ASSERT_TRUE(accounts_->tenants.suspend("acme", true));
  ASSERT_TRUE(users().disable(user_));
  ASSERT_TRUE(sessions().refresh());
  EXPECT_FALSE(sessions().verify(theirs->token));
  EXPECT_FALSE(sessions().verify(mine->token));
  EXPECT_FALSE(login());
  EXPECT_FALSE(sessions().login({"acme", "wang", kPassword, "", "192.0.2.1"}));
  ASSERT_TRUE(users().enable(user_));
  EXPECT_TRUE(login());
  EXPECT_FALSE(sessions().verify(mine->token)) << "what was ended stays so";
  ASSERT_TRUE(accounts_->tenants.suspend("acme", false));
  ASSERT_TRUE(sessions().refresh());
  EXPECT_TRUE(sessions().verify(theirs->token));
}

TEST_P(SessionsTest, logout_ends_one_session) {
  const auto first = login();
  const auto second = login();
  ASSERT_TRUE(sessions().logout(first->token));
  EXPECT_FALSE(sessions().verify(first->token));
  EXPECT_TRUE(sessions().verify(second->token));
  EXPECT_TRUE(sessions().logout("xcs-unknown"));
}

TEST_P(SessionsTest, a_user_has_few_sessions) {
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < limits::kSessionsPerUserMax + 1; ++i) {
    clock_.advance(std::chrono::seconds(1));
    tokens.push_back(login()->token);
  }
  EXPECT_FALSE(sessions().verify(tokens.front()));
  EXPECT_TRUE(sessions().verify(tokens[1]));
  EXPECT_TRUE(sessions().verify(tokens.back()));
}

TEST_P(SessionsTest, sessions_outlive_the_process_and_their_tokens_are_not_kept) {
  const auto session = login();
  const auto later = SessionStore::open(*database_, clock_, random_, master_);
  ASSERT_TRUE(later);
  EXPECT_TRUE((*later)->verify(session->token));
  const std::string bytes = stored_bytes();
  EXPECT_NE(bytes.find(user_), std::string::npos);
  EXPECT_EQ(bytes.find(session->token.substr(4)), std::string::npos);
  EXPECT_EQ(bytes.find(kPassword), std::string::npos);
}

TEST(LoginThrottle, an_ipv6_network_counts_as_one_and_memory_is_bounded) {
  LoginThrottle throttle;
  for (int i = 0; i < limits::kLoginSourceFailuresMax; ++i) {
    throttle.failed("2001:db8::" + std::to_string(i), 1'000);
  }
  EXPECT_GT(throttle.wait_s("2001:db8::ffff:1", 1'000), 0);
  EXPECT_EQ(throttle.wait_s("2001:db8:0:1::1", 1'000), 0);
  for (std::size_t i = 0; i < limits::kLoginSourcesMax + 10; ++i) {
    throttle.failed("10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                        std::to_string(i % 256),
                    2'000);
  }
  EXPECT_EQ(throttle.wait_s("2001:db8::1", 2'000), 0) << "the oldest made room";
}

INSTANTIATE_TEST_SUITE_P(On, SessionsTest, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::identity
