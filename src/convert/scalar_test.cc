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

// By its definition (ggml's quantize_row_q8_0_ref), halves and their neighbours included.
TEST(Scalar, Q8RoundsHalvesAwayFromZero) {
  std::vector<float> values{127.0f};
  for (float step = -126.5f; step < 127; step += 1) {
    values.push_back(step);
    values.push_back(std::nextafterf(step, 0.0f));
    values.push_back(std::nextafterf(step, step * 2));
  }
  values.resize(values.size() / 31 * 31);
  for (std::size_t at = 0; at < values.size(); at += 31) {
    std::vector<float> block{127.0f};  // the scale is 1
    block.insert(block.end(), values.begin() + static_cast<std::ptrdiff_t>(at),
                 values.begin() + static_cast<std::ptrdiff_t>(at + 31));
    std::vector<unsigned char> bytes(encoded_bytes(OutputType::Q8_0, 32));
    encode(OutputType::Q8_0, block.data(), 32, bytes.data());
    for (std::size_t i = 0; i < 32; ++i) {
      EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + i]), std::round(block[i])) << block[i];
    }
  }
}

TEST(Scalar, FindsTheLargestAndWhatIsNotFinite) {
  std::vector<float> values(1000, 0.25f);
  EXPECT_EQ(largest_magnitude(values.data(), 0), 0.0f);
  values[777] = -3.0f;
  EXPECT_EQ(largest_magnitude(values.data(), values.size()), 3.0f);
  values[999] = NAN;
  values[998] = INFINITY;
  EXPECT_TRUE(std::isnan(largest_magnitude(values.data(), values.size())));
  for (const OutputType type : {OutputType::F32, OutputType::F16, OutputType::BF16}) {
    for (const float bad : {NAN, INFINITY, -INFINITY, 1.0f}) {
      for (const std::size_t at : {0u, 500u, 999u}) {
        values.assign(1000, -2.0f);
        values[at] = bad;
        std::vector<unsigned char> bytes(encoded_bytes(type, values.size()));
        encode(type, values.data(), values.size(), bytes.data());
        EXPECT_EQ(all_finite(type, bytes.data(), values.size()), bad == 1.0f) << bad;
      }
    }
  }
}

// The loops that the compiler vectorises give what the single functions give.
TEST(Scalar, ManyAtOnceAreAsOneByOne) {
  std::vector<std::uint16_t> codes(65'536);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint16_t>(i);
  const auto* bytes = reinterpret_cast<const unsigned char*>(codes.data());
  std::vector<float> half(codes.size()), brain(codes.size());
  decode(Dtype::F16, bytes, codes.size(), half.data());
  decode(Dtype::BF16, bytes, codes.size(), brain.data());
  std::vector<std::uint16_t> back(codes.size());
  encode(OutputType::F16, brain.data(), brain.size(),
         reinterpret_cast<unsigned char*>(back.data()));
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (!std::isnan(half[i])) ASSERT_EQ(bits(half[i]), bits(from_f16(codes[i]))) << i;
    ASSERT_EQ(bits(brain[i]), bits(from_bf16(codes[i]))) << i;
    if (std::isnan(brain[i])) {  // F16C's instruction keeps its payload
      ASSERT_GT(back[i] & 0x7fffu, 0x7c00u) << i;
    } else {
      ASSERT_EQ(back[i], to_f16(brain[i])) << i;
    }
  }
  encode(OutputType::BF16, half.data(), half.size(), reinterpret_cast<unsigned char*>(back.data()));
  for (std::size_t i = 0; i < codes.size(); ++i) ASSERT_EQ(back[i], to_bf16(half[i])) << i;
}

// Ties, subnormals and overflow of f16, whatever the length: groups of eight and what is left.
TEST(Scalar, HalvesOfEveryLengthAreAsOneByOne) {
  std::vector<float> values;
  for (std::uint32_t i = 0; i < 65'536; i += 7) {
    const float half = from_f16(static_cast<std::uint16_t>(i));
    if (!std::isfinite(half)) continue;
    const float next = from_f16(static_cast<std::uint16_t>(i + 1));
    for (const float value : {half, (half + next) / 2, std::nextafterf((half + next) / 2, 0)}) {
      if (std::isfinite(value)) values.push_back(value);
    }
  }
  values.insert(values.end(), {65'519.0f, 65'520.0f, 1e-8f, -2.9e-8f, 0.0f, -0.0f});
  for (std::size_t at = 0, length = 1; at + length <= values.size(); at += length, ++length) {
    std::vector<unsigned char> bytes(length * 2 + 1);  // unaligned
    encode(OutputType::F16, values.data() + at, length, bytes.data() + 1);
    std::vector<float> back(length);
    decode(Dtype::F16, bytes.data() + 1, length, back.data());
    for (std::size_t i = 0; i < length; ++i) {
      std::uint16_t stored = 0;
      std::memcpy(&stored, bytes.data() + 1 + i * 2, 2);
      ASSERT_EQ(stored, to_f16(values[at + i])) << values[at + i];
      ASSERT_EQ(back[i], from_f16(stored)) << values[at + i];
    }
  }
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
