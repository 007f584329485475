// Which tokens are believed: published examples, and a table of bad ones.
#include "identity/id_token.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>
#include <boost/json.hpp>
#include <functional>
#include <memory>

#include "base/limits.h"
#include "identity/encodings.h"

namespace xc::identity {
namespace {

namespace json = boost::json;
using Key = std::shared_ptr<EVP_PKEY>;

constexpr std::int64_t kNow = 1'900'000'000;
constexpr const char* kIssuer = "https://idp.example/realms/ops";

Key owned(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }
Key rsa(int bits = 2048) { return owned(EVP_RSA_gen(static_cast<unsigned>(bits))); }
Key curve(const char* name = "P-256") { return owned(EVP_EC_gen(name)); }

std::string number_of(const Key& key, const char* name, int width = 0) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key.get(), name, &number), 1);
  std::string bytes(static_cast<std::size_t>(width > 0 ? width : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(number);
  return base64url_of(bytes);
}

json::object jwk_of(const Key& key, const std::string& kid, const std::string& alg) {
  json::object jwk{{"kid", kid}, {"use", "sig"}};
  if (!alg.empty()) jwk["alg"] = alg;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    jwk["kty"] = "RSA";
    jwk["n"] = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    jwk["e"] = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  } else {
    jwk["kty"] = "EC";
    jwk["crv"] = "P-256";
    jwk["x"] = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
    jwk["y"] = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  }
  return jwk;
}

std::string raw_ecdsa(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string raw(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
  ECDSA_SIG_free(pair);
  return raw;
}

std::string signature_of(const Key& key, std::string_view text, bool pss) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  EVP_DigestSignInit(context, &options, EVP_sha256(), nullptr, key.get());
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }
  std::size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  EVP_DigestSign(context, nullptr, &size, data, text.size());
  std::string out(size, '\0');
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, data, text.size());
  out.resize(size);
  EVP_MD_CTX_free(context);
  return EVP_PKEY_is_a(key.get(), "EC") == 1 ? raw_ecdsa(out) : out;
}

std::string token_of(const json::value& header, std::string_view payload, const Key& key,
                     bool pss = false) {
  const std::string text = base64url_of(json::serialize(header)) + "." + base64url_of(payload);
  return text + "." + base64url_of(signature_of(key, text, pss));
}

json::object good_claims() {
  return {{"iss", kIssuer},
          {"sub", "248289761001"},
          {"aud", "xingcha"},
          {"nonce", "n-0S6"},
          {"exp", kNow + 300},
          {"iat", kNow - 2},
          {"groups", json::array{"ops", "developers"}},
          {"name", "李"}};
}

class IdTokenTest : public testing::Test {
 protected:
  static inline const Key rsa_ = rsa();
  static inline const Key other_ = rsa();
  static inline const Key curve_ = curve();

  static KeySet keys() {
    const json::object set{
        {"keys", json::array{jwk_of(rsa_, "r1", ""), jwk_of(curve_, "e1", "ES256"),
                             jwk_of(other_, "enc", "RSA-OAEP")}}};
    return *KeySet::parse(json::serialize(set));
  }
  static TokenChecks checks() { return {kIssuer, "xingcha", "n-0S6", kNow, 60}; }
  static std::string fault_of(const std::string& token, const KeySet& set = keys()) {
    const auto verified = verify_id_token(token, set, checks());
    return verified ? "none" : std::string(name_of(verified.error()));
  }
  static std::string rs256(const json::value& claims) {
    return token_of({{"alg", "RS256"}, {"kid", "r1"}}, json::serialize(claims), rsa_);
  }
};

TEST_F(IdTokenTest, all_three_algorithms_are_believed) {
  const std::string payload = json::serialize(good_claims());
  const auto verified = verify_id_token(rs256(good_claims()), keys(), checks());
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->subject, "248289761001");
  EXPECT_EQ(json::parse(verified->claims), good_claims());
  EXPECT_EQ(fault_of(token_of({{"alg", "ES256"}, {"kid", "e1"}}, payload, curve_)), "none");
  EXPECT_EQ(fault_of(token_of({{"alg", "PS256"}, {"kid", "r1"}}, payload, rsa_, true)), "none");
  // Without a kid the only key of the kind is meant.
  EXPECT_EQ(fault_of(token_of({{"alg", "ES256"}}, payload, curve_)), "none");
}

struct Bad {
  const char* name;
  const char* fault;
  std::function<void(json::object&)> edit;
};

TEST_F(IdTokenTest, bad_claims) {
  const std::vector<Bad> table{
      {"as it is", "none", [](json::object&) {}},
      {"another issuer", "issuer", [](auto& c) { c["iss"] = "https://evil.example"; }},
      {"the issuer with a slash", "issuer", [](auto& c) { c["iss"] = std::string(kIssuer) + "/"; }},
      {"no issuer", "issuer", [](auto& c) { c.erase("iss"); }},
      {"issuer is a list", "malformed", [](auto& c) { c["iss"] = json::array{kIssuer}; }},
      {"another audience", "audience", [](auto& c) { c["aud"] = "other"; }},
      {"no audience", "audience", [](auto& c) { c.erase("aud"); }},
      {"empty list of audiences", "audience", [](auto& c) { c["aud"] = json::array{}; }},
      {"audience is a number", "malformed", [](auto& c) { c["aud"] = 7; }},
      {"one in a list", "none", [](auto& c) { c["aud"] = json::array{"xingcha"}; }},
      {"two without azp", "audience", [](auto& c) { c["aud"] = json::array{"xingcha", "b"}; }},
      {"two, azp is us", "none",
       [](auto& c) {
         c["aud"] = json::array{"xingcha", "b"};
         c["azp"] = "xingcha";
       }},
      {"two, azp is another", "audience",
       [](auto& c) {
         c["aud"] = json::array{"xingcha", "b"};
         c["azp"] = "b";
       }},
      {"one, azp is another", "audience", [](auto& c) { c["azp"] = "b"; }},
      {"expired", "expired", [](auto& c) { c["exp"] = kNow - 61; }},
      {"expired within the skew", "none", [](auto& c) { c["exp"] = kNow - 59; }},
      {"no end", "malformed", [](auto& c) { c.erase("exp"); }},
      {"end as text", "malformed", [](auto& c) { c["exp"] = "2000000000"; }},
      {"end with a fraction", "none", [](auto& c) { c["exp"] = kNow + 0.5; }},
      {"no time of issue", "malformed", [](auto& c) { c.erase("iat"); }},
      {"issued later than now", "not yet", [](auto& c) { c["iat"] = kNow + 61; }},
      {"issued within the skew", "none", [](auto& c) { c["iat"] = kNow + 59; }},
      {"valid later than now", "not yet", [](auto& c) { c["nbf"] = kNow + 61; }},
      {"another nonce", "nonce", [](auto& c) { c["nonce"] = "n-0S7"; }},
      {"no nonce", "nonce", [](auto& c) { c.erase("nonce"); }},
      {"longer nonce", "nonce", [](auto& c) { c["nonce"] = "n-0S6x"; }},
      {"no subject", "subject", [](auto& c) { c.erase("sub"); }},
      {"empty subject", "subject", [](auto& c) { c["sub"] = ""; }},
      {"subject with a NUL", "subject", [](auto& c) { c["sub"] = std::string("a\0b", 3); }},
      {"subject of 256 bytes", "subject", [](auto& c) { c["sub"] = std::string(256, 'a'); }},
      {"subject is a number", "malformed", [](auto& c) { c["sub"] = 7; }},
  };
  for (const Bad& row : table) {
    json::object claims = good_claims();
    row.edit(claims);
    EXPECT_EQ(fault_of(rs256(claims)), row.fault) << row.name;
  }
}

TEST_F(IdTokenTest, bad_signatures) {
  const std::string payload = json::serialize(good_claims());
  const json::object header{{"alg", "RS256"}, {"kid", "r1"}};
  const std::string good = token_of(header, payload, rsa_);
  const std::string body = good.substr(0, good.rfind('.'));
  const auto with = [&](const json::value& head, std::string_view signature) {
    return base64url_of(json::serialize(head)) + "." + base64url_of(payload) + "." +
           base64url_of(signature);
  };
  EXPECT_EQ(fault_of(token_of(header, payload, other_)), "signature") << "a key of somebody else";
  EXPECT_EQ(fault_of(with({{"alg", "none"}}, "")), "algorithm");
  EXPECT_EQ(fault_of(with({{"alg", "None"}}, "x")), "algorithm");
  EXPECT_EQ(fault_of(with({{"kid", "r1"}}, "x")), "algorithm");
  EXPECT_EQ(fault_of(with({{"alg", 1}}, "x")), "malformed");
  // HMAC with the public key as secret: the old confusion.
  EXPECT_EQ(fault_of(with({{"alg", "HS256"}, {"kid", "r1"}}, std::string(32, 'x'))), "algorithm");
  EXPECT_EQ(fault_of(token_of({{"alg", "RS384"}, {"kid", "r1"}}, payload, rsa_)), "algorithm");
  EXPECT_EQ(fault_of(token_of({{"alg", "RS256"}, {"kid", "r1"}, {"crit", {"exp"}}}, payload, rsa_)),
            "algorithm");
  EXPECT_EQ(fault_of(token_of({{"alg", "RS256"}, {"kid", "r2"}}, payload, rsa_)), "unknown key");
  EXPECT_EQ(fault_of(token_of({{"alg", "RS256"}, {"kid", "e1"}}, payload, rsa_)), "unknown key");
  EXPECT_EQ(fault_of(token_of({{"alg", "RS256"}, {"kid", "enc"}}, payload, other_)), "unknown key");
  EXPECT_EQ(fault_of(token_of({{"alg", "PS256"}, {"kid", "r1"}}, payload, rsa_)), "signature")
      << "padding of RS256";
  EXPECT_EQ(fault_of(body + "."), "signature");
  EXPECT_EQ(fault_of(with({{"alg", "ES256"}, {"kid", "e1"}}, std::string(64, '\0'))), "signature")
      << "r = s = 0";
  EXPECT_EQ(fault_of(with({{"alg", "ES256"}, {"kid", "e1"}}, std::string(70, 'x'))), "signature");
  for (std::size_t at = 0; at < good.size(); at += 41) {
    std::string changed = good;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_NE(fault_of(changed), "none") << at;
  }
}

TEST_F(IdTokenTest, what_is_no_token) {
  const std::string good = rs256(good_claims());
  const json::object header{{"alg", "RS256"}, {"kid", "r1"}};
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), good + ".x",
        good + "=", good.substr(0, 40), "!" + good, std::string(100'000, 'A'),
        token_of(json::array{1}, "{}", rsa_), token_of(header, "[]", rsa_),
        token_of(header, "{", rsa_), token_of(header, std::string(40'000, ' '), rsa_)}) {
    EXPECT_EQ(fault_of(text), "malformed") << text.substr(0, 60);
  }
}

TEST_F(IdTokenTest, which_keys_are_taken) {
  const auto count = [](const json::array& list) {
    const auto set = KeySet::parse(json::serialize(json::object{{"keys", list}}));
    return set ? static_cast<int>(set->size()) : -1;
  };
  json::object off_curve = jwk_of(curve_, "e1", "");
  off_curve["y"] = off_curve["x"];
  json::object symmetric{{"kty", "oct"}, {"k", "c2VjcmV0"}, {"kid", "h1"}, {"alg", "HS256"}};
  EXPECT_EQ(count({jwk_of(rsa_, "a", "RS256"), jwk_of(curve_, "b", "")}), 2);
  EXPECT_EQ(count({off_curve}), 0);
  EXPECT_EQ(count({symmetric}), 0);
  EXPECT_EQ(count({jwk_of(rsa(1024), "weak", "RS256")}), 0);
  EXPECT_EQ(count({1, "x", nullptr, json::object{}, json::object{{"kty", "RSA"}}}), 0);
  EXPECT_EQ(count(json::array(limits::kOidcKeysMax + 1)), -1);
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", "{\"keys\":[", "nul"}) {
    EXPECT_FALSE(KeySet::parse(text)) << text;
  }
  // Two of a kind and no kid: nobody knows which.
  const json::object both{{"keys", json::array{jwk_of(rsa_, "a", ""), jwk_of(other_, "b", "")}}};
  const KeySet set = *KeySet::parse(json::serialize(both));
  EXPECT_FALSE(set.has(SignAlgorithm::Rs256, ""));
  EXPECT_TRUE(set.has(SignAlgorithm::Rs256, "b"));
}

// RFC 7515 appendix A.2 and A.3.
TEST(KeySet, verifies_the_examples_of_rfc_7515) {
  const std::string payload =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ";
  const KeySet keys = *KeySet::parse(
      R"({"keys":[{"kty":"RSA","n":)"
      R"("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR)"
      R"(T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQ)"
      R"(OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8)"
      R"(q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},{"kty":"EC","crv":"P-256",)"
      R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  ASSERT_EQ(keys.size(), 2u);
  const auto verified = [&](SignAlgorithm algorithm, std::string head, std::string signature) {
    return keys.verify(algorithm, "", head + "." + payload, *bytes_of_base64url(signature));
  };
  EXPECT_TRUE(verified(
      SignAlgorithm::Rs256, "eyJhbGciOiJSUzI1NiJ9",
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"));
  EXPECT_TRUE(verified(
      SignAlgorithm::Es256, "eyJhbGciOiJFUzI1NiJ9",
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
  EXPECT_FALSE(verified(
      SignAlgorithm::Es256, "eyJhbGciOiJFUzI1NiJ8",
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
}

}  // namespace
}  // namespace xc::identity
