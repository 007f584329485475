#include "audit/head.h"

#include <gtest/gtest.h>

namespace xc::audit {
namespace {

SignedHead head_with(const PrivateKey& key) {
  SignedHead head{key.public_key().log_id(), 9, 1'700'000'000'000, Digest{1, 2, 3}, {}};
  head.signature = *key.sign(signed_text(head));
  return head;
}

TEST(Head, TheSignedTextIsFixed) {
  SignedHead head;
  head.size = 3;
  head.unix_ms = 4;
  EXPECT_EQ(signed_text(head), "xingcha audit head v1\n" + std::string(32, '0') + "\n3\n4\n" +
                                   std::string(64, '0') + "\n");
}

TEST(Head, ComesBackAndEveryChangeIsFound) {
  for (const Profile profile : {Profile::Sha256Ed25519, Profile::Sm3Sm2}) {
    const auto key = PrivateKey::make(profile);
    const std::string text = text_of(head_with(*key));
    const auto head = head_of(text);
    ASSERT_TRUE(head);
    EXPECT_TRUE(verify(*head, key->public_key()));
    EXPECT_EQ(text_of(*head), text);
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string other = text;
      other[i] ^= 1;
      const auto changed = head_of(other);
      EXPECT_FALSE(changed && verify(*changed, key->public_key())) << i;
    }
  }
}

TEST(Receipt, BothFormsComeBack) {
  const auto key = PrivateKey::make(Profile::Sha256Ed25519);
  const SignedHead head = head_with(*key);
  const Receipt signed_one{8, Digest{9}, head.log, head, {}};
  const std::string text = text_of(signed_one);
  EXPECT_LT(text.size(), 280u);  // fits a header with room
  EXPECT_EQ(text_of(*receipt_of(text)), text);
  Receipt promise{8, Digest{9}, head.log, std::nullopt, {}};
  promise.mac = promise_mac(Profile::Sha256Ed25519, key->secret("promise"), promise);
  const auto again = receipt_of(text_of(promise));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->mac, promise.mac);
  EXPECT_FALSE(again->head);
}

TEST(Receipt, RefusesWhatIsNone) {
  const auto key = PrivateKey::make(Profile::Sha256Ed25519);
  const SignedHead head = head_with(*key);
  const std::string good = text_of(Receipt{8, Digest{9}, head.log, head, {}});
  const std::string beyond = text_of(Receipt{9, Digest{9}, head.log, head, {}});
  for (const std::string& bad :
       {std::string(), std::string("r1."), std::string("p1.0.AA"), good + " ", good + ".", beyond,
        "x" + good, good.substr(0, good.rfind('.')), std::string(5'000, 'r')}) {
    EXPECT_FALSE(receipt_of(bad)) << bad;
  }
}

}  // namespace
}  // namespace xc::audit
