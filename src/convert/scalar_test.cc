#include "convert/scalar.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace xc::convert {
namespace {

TEST(Scalar, F16BothWaysAgreeWithTheHardwareType) {
  for (int i = 0; i < 65'536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const auto wanted = static_cast<float>(std::bit_cast<_Float16>(bits));
    const float got = from_f16(bits);
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got)) << i;
      EXPECT_TRUE(std::isnan(from_f16(to_f16(got)))) << i;
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(wanted)) << i;
    ASSERT_EQ(to_f16(got), bits) << i;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_f16(value), std::bit_cast<std::uint16_t>(static_cast<_Float16>(value))) << value;
  }
}

TEST(Scalar, Bf16RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // a tie, down to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);  // a tie, up to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  for (int i = 0; i < 65'536; ++i) {
    const float value = from_bf16(static_cast<std::uint16_t>(i));
    if (!std::isnan(value)) ASSERT_EQ(to_bf16(value), i);
  }
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

// OCP FP8 (E4M3 without infinities), every code from its definition in integers.
TEST(Scalar, AllCodesOfE4M3) {
  for (int code = 0; code < 256; ++code) {
    const float got = from_f8_e4m3(static_cast<std::uint8_t>(code));
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(got)) << code;
      continue;
    }
    // In units of 2^-9: subnormals count mantissas, the rest (8 + mantissa) shifted.
    const long units = exponent == 0 ? mantissa : static_cast<long>(8 + mantissa) << (exponent - 1);
    const float wanted = std::ldexp(static_cast<float>(units), -9) * (code >= 128 ? -1.0f : 1.0f);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(wanted)) << code;
  }
  EXPECT_EQ(from_f8_e4m3(0x7e), 448.0f);
  EXPECT_EQ(from_f8_e4m3(0x01), 0x1p-9f);
}

TEST(Scalar, E5M2IsTheUpperByteOfF16) {
  for (int code = 0; code < 256; ++code) {
    const float got = from_f8_e5m2(static_cast<std::uint8_t>(code));
    const float wanted = from_f16(static_cast<std::uint16_t>(code << 8));
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got)) << code;
    } else {
      EXPECT_EQ(got, wanted) << code;
    }
  }
}

TEST(Scalar, Q8BlockHoldsTheLargestAsOneHundredTwentySeven) {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i - 16) / 4;
  std::vector<unsigned char> bytes(encoded_bytes(OutputType::Q8_0, 32));
  ASSERT_EQ(bytes.size(), 34u);
  encode(OutputType::Q8_0, values.data(), 32, bytes.data());
  std::uint16_t stored = 0;
  std::memcpy(&stored, bytes.data(), 2);
  EXPECT_NEAR(from_f16(stored), 4.0f / 127, 1e-5);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2]), -127);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + 16]), 0);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + 31]), 119);  // 3.75 × 127 / 4 = 119.06
  std::fill(values.begin(), values.end(), 0.0f);
  encode(OutputType::Q8_0, values.data(), 32, bytes.data());
  for (const unsigned char byte : bytes) EXPECT_EQ(byte, 0);
}

TEST(Scalar, DecodesUnalignedBytesOfEveryType) {
  const float numbers[] = {1.5f, -2.0f};
  std::vector<unsigned char> bytes(1 + sizeof numbers);
  std::memcpy(bytes.data() + 1, numbers, sizeof numbers);
  float out[2] = {};
  decode(Dtype::F32, bytes.data() + 1, 2, out);
  EXPECT_EQ(out[1], -2.0f);
  const std::int32_t integers[] = {7, -9};
  std::memcpy(bytes.data() + 1, integers, sizeof integers);
  decode(Dtype::I32, bytes.data() + 1, 2, out);
  EXPECT_EQ(out[1], -9.0f);
  EXPECT_EQ(dtype_of("F8_E4M3"), Dtype::F8E4M3);
  EXPECT_FALSE(dtype_of("F4"));
}

}  // namespace
}  // namespace xc::convert
