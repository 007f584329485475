#include "audit/crypto.h"

#include <gtest/gtest.h>

#include "audit/text_codes.h"

namespace xc::audit {
namespace {

TEST(Crypto, HashesAreTheStandardOnes) {
  EXPECT_EQ(hex_of(view_of(digest_of(Profile::Sha256Ed25519, {"a", "bc"}))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // GB/T 32905-2016, annex A.
  EXPECT_EQ(hex_of(view_of(digest_of(Profile::Sm3Sm2, {"abc"}))),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
}

class CryptoProfile : public testing::TestWithParam<Profile> {};

TEST_P(CryptoProfile, SignsAndFindsChanges) {
  const auto key = PrivateKey::make(GetParam());
  ASSERT_TRUE(key);
  const auto signature = key->sign("text");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(key->public_key().verify("text", *signature));
  EXPECT_FALSE(key->public_key().verify("texT", *signature));
  std::string other = *signature;
  other[other.size() / 2] ^= 1;
  EXPECT_FALSE(key->public_key().verify("text", other));
  EXPECT_FALSE(key->public_key().verify("text", ""));
  EXPECT_FALSE(PrivateKey::make(GetParam())->public_key().verify("text", *signature));
}

TEST_P(CryptoProfile, KeysSurviveTheirFiles) {
  const auto key = PrivateKey::make(GetParam());
  const auto again = PrivateKey::from_pem(key->pem());
  ASSERT_TRUE(again);
  const auto open = PublicKey::from_pem(key->public_key().pem());
  ASSERT_TRUE(open);
  EXPECT_EQ(open->profile(), GetParam());
  EXPECT_EQ(open->log_id(), key->public_key().log_id());
  EXPECT_EQ(again->secret("a"), key->secret("a"));
  EXPECT_NE(again->secret("a"), key->secret("b"));
  EXPECT_TRUE(open->verify("text", *again->sign("text")));
}

INSTANTIATE_TEST_SUITE_P(All, CryptoProfile,
                         testing::Values(Profile::Sha256Ed25519, Profile::Sm3Sm2));

TEST(Crypto, RefusesWhatIsNoKey) {
  for (const std::string_view pem : {"", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "log"}) {
    EXPECT_FALSE(PublicKey::from_pem(pem)) << pem;
    EXPECT_FALSE(PrivateKey::from_pem(pem)) << pem;
  }
  // A public key cannot sign.
  EXPECT_FALSE(PrivateKey::from_pem(PrivateKey::make(Profile::Sha256Ed25519)->public_key().pem()));
}

}  // namespace
}  // namespace xc::audit
