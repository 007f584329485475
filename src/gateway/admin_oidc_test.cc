// Cookies and single sign-on at the door. Logins at a real provider: tests/operations/test_oidc.py.
#include "gateway/admin_test.h"
#include "gateway/oidc_provider.h"

namespace xc::gateway {
namespace {

class ConsoleTest : public AdminTest {
 protected:
  ConsoleTest() {
    EXPECT_TRUE(accounts_->users.create({"li", "default", Role::Auditor, kPassword}));
  }
  static HeaderList console(HeaderList more = {}) {
    more.emplace_back("X-Xingcha-Console", "1");
    return more;
  }
  // Logs in as the page does; the cookie's pair.
  std::string log_in(HeaderList more = {}) {
    const std::string body = R"({"name":"li","password":")" + std::string(kPassword) + R"("})";
    last_ = send("POST", "/admin/login", body, console(std::move(more)));
    EXPECT_EQ(last_.status, 200) << last_.body;
    const std::string cookie(last_.headers.get("Set-Cookie"));
    return cookie.substr(0, cookie.find(';'));
  }
  Reply last_;
};

TEST_F(ConsoleTest, a_login_of_the_page_sets_a_cookie_and_shows_no_token) {
  const std::string pair = log_in();
  EXPECT_TRUE(pair.starts_with("xingcha_session=xcs-")) << pair;
  const std::string cookie(last_.headers.get("Set-Cookie"));
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict; Max-Age=43"), std::string::npos) << cookie;
  EXPECT_EQ(cookie.find("Secure"), std::string::npos);
  EXPECT_EQ(last_.body.find("xcs-"), std::string::npos) << last_.body;
  EXPECT_EQ(last_.at("/name"), "li");
  log_in({{"Origin", "https://console.example"}});
  EXPECT_NE(last_.headers.get("Set-Cookie").find("; Secure"), std::string_view::npos);
  // Without the header it is the API's login: a token, no cookie.
  const Reply api = send("POST", "/admin/login",
                         R"({"name":"li","password":")" + std::string(kPassword) + R"("})", {});
  EXPECT_TRUE(api.at("/token").starts_with("xcs-"));
  EXPECT_EQ(api.headers.get("Set-Cookie"), "");
}

TEST_F(ConsoleTest, a_cookie_counts_only_when_our_page_sends_it) {
  const std::string pair = log_in();
  const auto status = [&](HeaderList headers, std::string path = "/admin/whoami") {
    headers.emplace_back("Cookie", "a=b; " + pair + "; c=d");
    return send("GET", std::move(path), "", std::move(headers)).status;
  };
  EXPECT_EQ(status(console()), 200);
  EXPECT_EQ(status(console({{"Sec-Fetch-Site", "same-origin"}})), 200);
  EXPECT_EQ(status({}), 401) << "a form or an image of another site";
  EXPECT_EQ(status(console({{"Sec-Fetch-Site", "cross-site"}})), 401);
  EXPECT_EQ(status(console({{"Sec-Fetch-Site", "same-site"}})), 401);
  EXPECT_EQ(status(console(), "/v1/models"), 403) << "a session calls no model";
  EXPECT_EQ(status(console({{"Authorization", "Bearer xc-wrong"}})), 401)
      << "what is said outright counts";
  EXPECT_EQ(
      send("GET", "/admin/whoami", "", console({{"Cookie", "xxingcha_session=" + pair}})).status,
      401);
}

TEST_F(ConsoleTest, who_is_in_and_what_is_open) {
  Reply out = send("GET", "/admin/login", "", console());
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, R"({"password":true,"oidc":null,"caller":null,"may":[]})");
  const std::string pair = log_in();
  const Reply in = send("GET", "/admin/login", "", console({{"Cookie", pair}}));
  EXPECT_EQ(in.at("/caller/name"), "li");
  EXPECT_EQ(in.at("/caller/role"), "auditor");
  EXPECT_NE(in.at("/may").find("GET /admin/keys"), std::string::npos);
  EXPECT_EQ(in.at("/may").find("POST /admin/keys"), std::string::npos);
  EXPECT_EQ(send("GET", "/admin/login", "", {{"Cookie", pair}}).at("/caller"), "null")
      << "another site learns nothing";
}

TEST_F(ConsoleTest, logging_out_ends_the_session_and_the_cookie) {
  const std::string pair = log_in();
  EXPECT_EQ(send("POST", "/admin/logout", "", {{"Cookie", pair}}).status, 401);
  const Reply out = send("POST", "/admin/logout", "", console({{"Cookie", pair}}));
  EXPECT_EQ(out.status, 200);
  EXPECT_NE(out.headers.get("Set-Cookie").find("Max-Age=0"), std::string_view::npos);
  EXPECT_EQ(send("GET", "/admin/whoami", "", console({{"Cookie", pair}})).status, 401);
}

TEST_F(ConsoleTest, without_a_provider_there_is_no_single_sign_on) {
  for (const char* path : {"/admin/oidc/start", "/admin/oidc/callback?code=a&state=b"}) {
    const Reply reply = send("GET", path, "", {{"Accept-Language", "en"}});
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_NE(reply.body.find("[oidc]"), std::string::npos) << reply.body;
    EXPECT_EQ(reply.headers.get("Content-Type"), "text/html; charset=utf-8");
    EXPECT_TRUE(reply.headers.get("Content-Security-Policy").starts_with("default-src 'none'"));
  }
  EXPECT_EQ(post("/admin/users", R"({"name":"a","role":"auditor","subject":"s"})").status, 400);
}

}  // namespace
}  // namespace xc::gateway
