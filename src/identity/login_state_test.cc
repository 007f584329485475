#include "identity/login_state.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "identity/encodings.h"

namespace xc::identity {
namespace {

constexpr std::int64_t kNow = 1'900'000'000'000;

SealKey key(unsigned char fill = 7) {
  SealKey key{};
  key.fill(fill);
  return key;
}

TEST(LoginState, comes_back_as_it_was_sealed) {
  SeededRandom random(1);
  const LoginState login = make_login_state(random, "/#/admin", kNow);
  const std::string sealed = seal(login, key());
  EXPECT_EQ(sealed.find(login.verifier), std::string::npos);
  const auto opened = open_sealed(sealed, key(), kNow + 1);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->state, login.state);
  EXPECT_EQ(opened->nonce, login.nonce);
  EXPECT_EQ(opened->verifier, login.verifier);
  EXPECT_EQ(opened->back, "/#/admin");
  EXPECT_NE(seal(login, key()), sealed) << "never the same twice";
  EXPECT_GE(login.verifier.size(), 43u) << "RFC 7636 §4.1";
}

TEST(LoginState, nobody_else_makes_one) {
  SeededRandom random(2);
  const LoginState login = make_login_state(random, "/", kNow);
  const std::string sealed = seal(login, key());
  EXPECT_FALSE(open_sealed(sealed, key(8), kNow));
  EXPECT_FALSE(open_sealed(sealed, key(), login.expires_unix_ms));
  EXPECT_TRUE(open_sealed(sealed, key(), login.expires_unix_ms - 1));
  const std::string bytes = *bytes_of_base64url(sealed);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(open_sealed(base64url_of(changed), key(), kNow)) << at;
  }
  for (const std::string& text : {std::string(), std::string("x"), std::string(38, 'A'),
                                  sealed.substr(1), sealed + "A", sealed + "="}) {
    EXPECT_FALSE(open_sealed(text, key(), kNow)) << text;
  }
}

TEST(LoginState, pkce_as_rfc_7636_appendix_b_has_it) {
  EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(LoginState, goes_back_to_this_site_only) {
  for (const char* path : {"/", "/#/admin/keys", "/a?b=c", "/a//b"}) {
    EXPECT_TRUE(is_local_path(path)) << path;
  }
  for (const std::string& path :
       {std::string(), std::string("a"), std::string("//evil.example"),
        std::string("/\\evil.example"), std::string("https://evil.example"),
        std::string("/\t/evil.example"), std::string("/a\r\nb"), std::string("/ a"),
        std::string("\\\\x"), "/" + std::string(600, 'a')}) {
    EXPECT_FALSE(is_local_path(path)) << path;
    SeededRandom random(3);
    EXPECT_EQ(make_login_state(random, path, kNow).back, "/");
  }
}

TEST(Encodings, base64url_has_one_text_for_each_value) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xff\xfe"}) {
    EXPECT_EQ(bytes_of_base64url(base64url_of(bytes)), bytes);
  }
  EXPECT_EQ(base64url_of("\xff\xfe\xfd"), "__79");
  EXPECT_EQ(base64_of("\xff\xfe"), "//4=");
  for (const char* bad : {"A", "Zh", "Zg==", "Z+", "Z/", "Zg ", "AAAAA"}) {
    EXPECT_FALSE(bytes_of_base64url(bad)) << bad;
  }
  EXPECT_EQ(percent_encoded("a b&c=/星~"), "a%20b%26c%3D%2F%E6%98%9F~");
}

}  // namespace
}  // namespace xc::identity
