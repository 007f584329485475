// What a key is restricted to, and sessions of users, through the real door.
#include <string>

#include "base/limits.h"
#include "gateway/admin_test.h"
#include "identity/totp.h"

namespace xc::gateway {
namespace {

// --- scopes ---

TEST_F(AdminTest, a_key_calls_its_models_only) {
  const std::string narrow = key_of(Role::None, "acme", {{"fake"}, {}, {}, {}});
  const Reply fine = as(narrow, "POST", "/v1/chat/completions", chat_body("hello"));
  EXPECT_EQ(fine.status, 200) << fine.body;  // "f" is an alias of "fake"
  const auto ask = [](const std::string& model) {
    return R"({"model":")" + model +
           R"(","max_tokens":5,"messages":[{"role":"user","content":"x"}]})";
  };
  const Reply openai =
      as(narrow, "POST", "/v1/chat/completions", ask("absent"), {{"Accept-Language", "en"}});
  EXPECT_EQ(openai.status, 403);
  EXPECT_EQ(openai.at("/error/type"), "permission_error");
  EXPECT_NE(openai.at("/error/message").find("(models)"), std::string::npos) << openai.body;
  const Reply anthropic = as(narrow, "POST", "/v1/messages", ask("absent"));
  EXPECT_EQ(anthropic.status, 403);
  EXPECT_EQ(anthropic.at("/type"), "error");
  EXPECT_EQ(anthropic.at("/error/type"), "permission_error");
  EXPECT_NE(anthropic.at("/error/message").find("（models）"), std::string::npos) << anthropic.body;
  // What others have and what nobody has look alike.
  expect_alike(
      openai, "absent",
      as(narrow, "POST", "/v1/chat/completions", ask("nosuch"), {{"Accept-Language", "en"}}),
      "nosuch");
  EXPECT_EQ(as(narrow, "POST", "/v1/chat/completions", ask("fake:poet")).status, 403);
  EXPECT_EQ(as(narrow, "POST", "/v1/embeddings", R"({"model":"absent","input":"x"})").status, 403);
  EXPECT_EQ(as(narrow, "POST", "/tokenize", R"({"model":"absent","content":"x"})").status, 403);
  EXPECT_EQ(as(narrow, "GET", "/v1/models/vendor/absent").status, 403);
  const Reply list = as(narrow, "GET", "/v1/models");
  EXPECT_EQ(list.json().at("data").as_array().size(), 1u) << list.body;
  EXPECT_EQ(list.at("/data/0/id"), "fake");
}

TEST_F(AdminTest, a_key_opens_its_routes_only) {
  const std::string narrow = key_of(Role::None, "acme", {{}, {"/v1/models*"}, {}, {}});
  EXPECT_EQ(as(narrow, "GET", "/v1/models").status, 200);
  EXPECT_EQ(as(narrow, "GET", "/v1/models/f").status, 200);
  const Reply refused = as(narrow, "POST", "/v1/messages", "{", {{"Accept-Language", "en"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.at("/type"), "error");
  EXPECT_NE(refused.at("/error/message").find("(routes)"), std::string::npos) << refused.body;
}

TEST_F(AdminTest, a_key_works_from_its_addresses_only) {
  EXPECT_EQ(
      as(key_of(Role::None, "acme", {{}, {}, {}, {"127.0.0.0/8"}}), "GET", "/v1/models").status,
      200);
  const Reply refused = as(key_of(Role::None, "acme", {{}, {}, {}, {"10.0.0.0/8"}}), "GET",
                           "/v1/models", "", {{"X-Forwarded-For", "10.1.1.1"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.at("/error/message").find("sources"), std::string::npos) << refused.body;
}

// --- sessions ---

TEST_F(AdminTest, a_session_from_login_to_logout) {
  ASSERT_TRUE(accounts_->users.create({"li", "acme", Role::Auditor, kPassword}));
  const std::string body = R"({"tenant":"acme","name":"li","password":"correct horse battery"})";
  const Reply session = send("POST", "/admin/login", body, {});
  ASSERT_EQ(session.status, 200) << session.body;
  EXPECT_EQ(session.headers.get("Cache-Control"), "no-store");
  EXPECT_EQ(session.at("/user/role"), "auditor");
  const std::string token = session.at("/token");
  EXPECT_EQ(as(token, "GET", "/admin/whoami").at("/role"), "auditor");
  EXPECT_EQ(as(token, "GET", "/admin/keys").status, 200);
  EXPECT_EQ(as(token, "POST", "/admin/keys", R"({"name":"x"})").status, 403);
  EXPECT_EQ(as(token, "GET", "/v1/models").status, 403) << "a session calls no model";
  EXPECT_EQ(as(token, "POST", "/admin/logout").at("/logged_out"), "true");
  EXPECT_EQ(as(token, "GET", "/admin/whoami").status, 401);
}

TEST_F(AdminTest, failed_logins_tell_nothing_and_are_slowed_down) {
  ASSERT_TRUE(accounts_->users.create({"li", "default", Role::PlatformAdmin, kPassword}));
  const Reply wrong = send("POST", "/admin/login", R"({"name":"li","password":"wrong"})", {});
  EXPECT_EQ(wrong.status, 401);
  expect_alike(wrong, "-", send("POST", "/admin/login", R"({"name":"wu","password":"wrong"})", {}),
               "-");
  EXPECT_EQ(send("POST", "/admin/login", "{}", {}).status, 400);
  EXPECT_EQ(send("POST", "/admin/login", std::string(20'000, '['), {}).status, 413);
  int status = 0;
  for (int i = 0; i < limits::kLoginSourceFailuresMax && status != 429; ++i) {
    status = send("POST", "/admin/login", R"({"name":"wu","password":"wrong"})", {}).status;
  }
  const Reply slowed =
      send("POST", "/admin/login", R"({"name":"li","password":"correct horse battery"})", {});
  EXPECT_EQ(slowed.status, 429);
  EXPECT_FALSE(slowed.headers.get("Retry-After").empty());
}

TEST_F(AdminTest, an_authenticator_and_a_new_password) {
  const std::string id =
      post("/admin/users", R"({"name":"li","role":"developer","password":"correct horse battery"})")
          .at("/id");
  const Reply on = post("/admin/users/" + id + "/totp", R"({"enabled":true})");
  EXPECT_TRUE(on.at("/uri").starts_with("otpauth://totp/Xingcha:default%2Fli?secret="));
  const std::string login = R"({"name":"li","password":"correct horse battery")";
  EXPECT_EQ(send("POST", "/admin/login", login + "}", {}).status, 200) << "not confirmed yet";
  const std::string secret = *identity::bytes_of_base32(on.at("/secret"));
  const std::string code = identity::totp_code(secret, clock_.unix_ms() / 30'000);
  const Reply session = send("POST", "/admin/login", login + R"(,"code":")" + code + "\"}", {});
  EXPECT_EQ(session.status, 200) << session.body;
  EXPECT_EQ(send("POST", "/admin/login", login + "}", {}).status, 401) << "confirmed by a login";
  EXPECT_EQ(post("/admin/users/" + id + "/password", R"({"password":"short"})").status, 400);
  EXPECT_EQ(post("/admin/users/" + id + "/password", R"({"password":"another good one"})").status,
            200);
  EXPECT_EQ(as(session.at("/token"), "GET", "/admin/whoami").status, 401);
  EXPECT_EQ(post("/admin/users/" + id + "/totp", R"({"enabled":false})").at("/totp"), "false");
  EXPECT_EQ(
      send("POST", "/admin/login", R"({"name":"li","password":"another good one"})", {}).status,
      200);
  EXPECT_EQ(post("/admin/users/" + id + "/disable", "").status, 200);
  const auto logs_in = [this] {
    return send("POST", "/admin/login", R"({"name":"li","password":"another good one"})", {})
        .status;
  };
  EXPECT_EQ(logs_in(), 401);
  EXPECT_EQ(post("/admin/users/" + id + "/enable", "").at("/disabled_unix_ms"), "null");
  EXPECT_EQ(logs_in(), 200);
}

TEST_F(AdminTest, another_role_is_in_force_in_sessions_that_run) {
  const std::string id = accounts_->users.create({"li", "acme", Role::Auditor, kPassword})->id;
  const std::string token =
      send("POST", "/admin/login",
           R"({"tenant":"acme","name":"li","password":"correct horse battery"})", {})
          .at("/token");
  EXPECT_EQ(as(token, "POST", "/admin/workspaces", R"({"name":"w"})").status, 403);
  EXPECT_EQ(post("/admin/users/" + id + "/role", R"({"role":"tenant_admin"})").at("/role"),
            "tenant_admin");
  EXPECT_EQ(as(token, "POST", "/admin/workspaces", R"({"name":"w"})").status, 200);
  EXPECT_EQ(post("/admin/users/" + id + "/role", R"({"role":"platform_admin"})").status, 400);
  EXPECT_EQ(post("/admin/users/" + id + "/role", R"({"role":"none"})").status, 400);
}

TEST_F(AdminTest, everybody_changes_the_own_password_and_proves_who_they_are) {
  ASSERT_TRUE(accounts_->users.create({"li", "acme", Role::Auditor, kPassword}));
  const auto log_in = [this](const std::string& password) {
    return send("POST", "/admin/login",
                R"({"tenant":"acme","name":"li","password":")" + password + "\"}", {});
  };
  const std::string token = log_in(kPassword).at("/token");
  const auto change = [&](const std::string& by, const std::string& old, const std::string& fresh) {
    return as(by, "POST", "/admin/password",
              R"({"password":")" + old + R"(","new_password":")" + fresh + "\"}")
        .status;
  };
  EXPECT_EQ(change(key_, kPassword, "another good one"), 403) << "a key has no password";
  EXPECT_EQ(change(token, "not this one", "another good one"), 401);
  EXPECT_EQ(change(token, kPassword, "short"), 400);
  EXPECT_EQ(as(token, "GET", "/admin/whoami").status, 200) << "nothing was changed";
  EXPECT_EQ(change(token, kPassword, "another good one"), 200);
  EXPECT_EQ(as(token, "GET", "/admin/whoami").status, 401) << "every session ends";
  EXPECT_EQ(log_in(kPassword).status, 401);
  std::string again = log_in("another good one").at("/token");
  const Reply on =
      as(again, "POST", "/admin/totp", R"({"password":"another good one","enabled":true})");
  EXPECT_TRUE(on.at("/uri").starts_with("otpauth://totp/Xingcha:acme%2Fli?secret=")) << on.body;
  EXPECT_EQ(as(again, "GET", "/admin/whoami").status, 200) << "nothing is in force yet";
  const auto confirm = [&](const std::string& by, const std::string& code) {
    return as(by, "POST", "/admin/totp/confirm", R"({"code":")" + code + "\"}").status;
  };
  const std::string secret = *identity::bytes_of_base32(on.at("/secret"));
  EXPECT_EQ(confirm(key_, "000000"), 403);
  EXPECT_EQ(confirm(again, "000000"), 401);
  EXPECT_EQ(confirm(again, identity::totp_code(secret, clock_.unix_ms() / 30'000)), 200);
  EXPECT_EQ(as(again, "GET", "/admin/whoami").status, 401) << "every session ends";
  EXPECT_EQ(log_in("another good one").status, 401) << "a code is needed from now on";
  ASSERT_TRUE(accounts_->users.disable_totp(accounts_->users.find("acme", "li")->id));
  again = log_in("another good one").at("/token");
  EXPECT_EQ(confirm(again, "000000"), 409) << "nothing waits";
  // An open session is no way around the lock.
  for (int i = 0; i < limits::kLoginFailuresMax; ++i) {
    EXPECT_EQ(change(again, "guessed", "guessed and good"), 401);
  }
  EXPECT_EQ(change(again, "another good one", "yet another one"), 401);
}

TEST_F(AdminTest, who_guesses_in_a_session_is_recorded_like_at_a_login) {
  const std::string id = accounts_->users.create({"li", "acme", Role::Auditor, kPassword})->id;
  const std::string token =
      send("POST", "/admin/login",
           R"({"tenant":"acme","name":"li","password":"correct horse battery"})", {})
          .at("/token");
  const auto refusals = [this] {
    int count = 0;
    const boost::json::value records = get("/admin/audit/records?kind=event").json();
    for (const auto& row : records.at("records").as_array()) {
      const auto& record = row.at("record").as_object();
      if (record.at("event").as_string() != "login_refused") continue;
      EXPECT_EQ(record.at("source").as_string(), "127.0.0.1");
      ++count;
    }
    return count;
  };
  // Records are read from the disk, where they come a moment later.
  const auto become = [&](int count) {
    return net::eventually([&] { return refusals() == count; });
  };
  EXPECT_EQ(refusals(), 0);
  EXPECT_EQ(as(token, "POST", "/admin/password",
               R"({"password":"guessed","new_password":"guessed and good"})")
                .status,
            401);
  EXPECT_TRUE(become(1));
  EXPECT_EQ(as(token, "POST", "/admin/totp", R"({"password":"guessed","enabled":false})").status,
            401);
  EXPECT_TRUE(become(2));
  ASSERT_TRUE(accounts_->users.enable_totp(id));
  EXPECT_EQ(as(token, "POST", "/admin/totp/confirm", R"({"code":"000000"})").status, 401);
  EXPECT_TRUE(become(3));
  EXPECT_EQ(as(token, "POST", "/admin/password",
               R"({"password":"correct horse battery","new_password":"short"})")
                .status,
            400);
  EXPECT_EQ(refusals(), 3) << "who is right is no refusal";
}

}  // namespace
}  // namespace xc::gateway
