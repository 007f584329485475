#include "identity/totp.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "identity/password.h"

namespace xc::identity {
namespace {

constexpr std::string_view kRfcKey = "12345678901234567890";

// RFC 6238, appendix B, the rows of SHA-1.
TEST(Totp, the_codes_of_the_rfc) {
  struct Vector {
    std::int64_t time;
    std::string_view code;
  };
  for (const Vector& v : {Vector{59, "94287082"}, Vector{1111111109, "07081804"},
                          Vector{1111111111, "14050471"}, Vector{1234567890, "89005924"},
                          Vector{2000000000, "69279037"}, Vector{20000000000, "65353130"}}) {
    EXPECT_EQ(totp_code(kRfcKey, v.time / 30, 8), v.code) << v.time;
  }
}

// RFC 4226, appendix D.
TEST(Totp, six_digits_by_counter) {
  EXPECT_EQ(totp_code(kRfcKey, 0), "755224");
  EXPECT_EQ(totp_code(kRfcKey, 1), "287082");
  EXPECT_EQ(totp_code(kRfcKey, 9), "520489");
}

// RFC 4648, section 10, without padding.
TEST(Totp, base32) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "MY"},
                                                                   {"fo", "MZXQ"},
                                                                   {"foo", "MZXW6"},
                                                                   {"foob", "MZXW6YQ"},
                                                                   {"fooba", "MZXW6YTB"},
                                                                   {"foobar", "MZXW6YTBOI"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base32_of(bytes), text);
    EXPECT_EQ(bytes_of_base32(text), bytes);
  }
  EXPECT_FALSE(bytes_of_base32("MZXW6===")) << "padding is not ours";
  EXPECT_FALSE(bytes_of_base32("mzxw6"));
  EXPECT_FALSE(bytes_of_base32("M1"));
}

TEST(Totp, a_code_works_near_its_time_and_once) {
  SeededRandom random(1);
  const std::string secret = make_totp_secret(random);
  EXPECT_EQ(secret.size(), 32u);
  const std::string key = *bytes_of_base32(secret);
  const std::int64_t now = 1'700'000'000'000;
  const std::int64_t step = now / 30'000;
  EXPECT_EQ(totp_step(secret, totp_code(key, step), now, 0), step);
  EXPECT_EQ(totp_step(secret, totp_code(key, step - 1), now, 0), step - 1);
  EXPECT_EQ(totp_step(secret, totp_code(key, step + 1), now, 0), step + 1);
  EXPECT_FALSE(totp_step(secret, totp_code(key, step - 2), now, 0));
  EXPECT_FALSE(totp_step(secret, totp_code(key, step + 2), now, 0));
  EXPECT_FALSE(totp_step(secret, totp_code(key, step), now, step)) << "seen once";
  EXPECT_FALSE(totp_step(secret, totp_code(key, step - 1), now, step)) << "older than one seen";
  EXPECT_FALSE(totp_step(secret, "", now, 0));
  EXPECT_FALSE(totp_step(secret, "12345", now, 0));
  EXPECT_FALSE(totp_step("", totp_code("", step), now, 0)) << "no secret, no code";
}

TEST(Totp, the_uri_is_safe_for_any_name) {
  EXPECT_EQ(totp_uri("ABC", "default/li wei?&=#"),
            "otpauth://totp/Xingcha:default%2Fli%20wei%3F%26%3D%23?secret=ABC&issuer=Xingcha");
}

TEST(Password, argon2id_with_its_parameters) {
  SeededRandom random(2);
  const auto hash = hash_password("correct horse battery", random);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << *hash;
  EXPECT_TRUE(password_matches(*hash, "correct horse battery"));
  EXPECT_FALSE(password_matches(*hash, "correct horse batterz"));
  EXPECT_FALSE(password_matches(*hash, ""));
  EXPECT_FALSE(password_matches("nonsense", "correct horse battery"));
  const auto again = hash_password("correct horse battery", random);
  EXPECT_NE(*hash, *again) << "every hash has its own salt";
}

TEST(Password, lengths_are_bounded) {
  SeededRandom random(3);
  EXPECT_FALSE(hash_password(std::string(limits::kPasswordBytesMin - 1, 'x'), random));
  const auto longer = hash_password(std::string(limits::kPasswordBytesMax + 1, 'x'), random);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().param, "password");
  EXPECT_FALSE(password_matches(nobodys_hash(), ""));
}

TEST(Password, nobodys_hash_costs_what_others_do) {
  SeededRandom random(4);
  const std::string real = *hash_password("correct horse battery", random);
  const auto shape = [](const std::string& hash) { return hash.substr(0, hash.rfind("p=1$")); };
  EXPECT_EQ(shape(nobodys_hash()), shape(real));
  EXPECT_EQ(nobodys_hash().size(), real.size());
}

}  // namespace
}  // namespace xc::identity
