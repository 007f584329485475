#include "crypto/sealed_text.h"

#include <gtest/gtest.h>

#include "crypto/hex.h"

namespace xc::crypto {
namespace {

const Digest kKey = {1, 2, 3};
const GcmNonce kNonce = {4, 5};

TEST(SealedText, ComesBackUnderItsKeyAndContextOnly) {
  const auto sealed = seal_text(kKey, kNonce, "e1", "sk-secret");
  ASSERT_TRUE(sealed);
  EXPECT_TRUE(is_sealed(*sealed));
  EXPECT_EQ(sealed->find("sk-secret"), std::string::npos);
  EXPECT_EQ(unseal_text(kKey, "e1", *sealed), "sk-secret");
  EXPECT_EQ(unseal_text(kKey, "e2", *sealed), std::nullopt);
  EXPECT_EQ(unseal_text({1, 2, 4}, "e1", *sealed), std::nullopt);
  EXPECT_EQ(unseal_text(kKey, "", *seal_text(kKey, kNonce, "", "")), "");
}

TEST(SealedText, WhatIsDamagedDoesNotOpen) {
  const std::string sealed = *seal_text(kKey, kNonce, "e1", "sk-secret");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string other = sealed;
    other[i] = other[i] == '0' ? '1' : '0';
    EXPECT_EQ(unseal_text(kKey, "e1", other), std::nullopt) << i;
    EXPECT_EQ(unseal_text(kKey, "e1", sealed.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(unseal_text(kKey, "e1", sealed + "00"), std::nullopt);
  EXPECT_EQ(unseal_text(kKey, "e1", "sk-secret"), std::nullopt);
}

// A known answer (NIST's GCM test case 13, McGrew and Viega): the format outlives this program.
TEST(SealedText, IsAesGcm) {
  EXPECT_EQ(*seal_text({}, {}, "", ""),
            "sealed:1:000000000000000000000000530f8afbc74536b9a963b4f1c4cb738b");
}

TEST(Hex, BothWays) {
  const std::array<std::uint8_t, 3> bytes{0, 0xab, 0xff};
  EXPECT_EQ(hex_of(bytes), "00abff");
  EXPECT_EQ(bytes_of_hex("00abff"), (std::vector<std::uint8_t>{0, 0xab, 0xff}));
  for (const char* bad : {"0", "0g", "AB", "00 "}) EXPECT_EQ(bytes_of_hex(bad), std::nullopt);
  EXPECT_EQ(digest_of_hex("00"), std::nullopt);
  EXPECT_EQ(digest_of_hex(std::string(64, '0')), Digest{});
}

}  // namespace
}  // namespace xc::crypto
