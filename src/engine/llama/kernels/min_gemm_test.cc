// The kernels against ggml's own dot products or, where they add in an order of their own, against
// that order in plain C++: bit by bit, in every CPU variant that runs here.
#include "engine/llama/kernels/min_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/llama/kernels/plain_product.h"
#include "engine/llama/kernels/variants_test.h"

namespace {

using xc::kernels::Format;
using xc::kernels::kColumnBlockBytes;
using xc::kernels::kRowBlockBytes;

using Dot = void (*)(int, float*, std::size_t, const void*, std::size_t, const void*, std::size_t,
                     int);
using Multiply = bool (*)(int, std::int64_t, std::int64_t, std::int64_t, const void*, const void*,
                          float*);

struct Kernels {
  std::string name;
  Dot dot[3];
  Multiply multiply;
  bool own_order;
};

// Blocks of any bits, but their two scales are numbers of a sane size (of either sign).
std::vector<std::uint8_t> blocks_of(std::mt19937& random, std::int64_t count, int bytes) {
  std::vector<std::uint8_t> blocks(static_cast<std::size_t>(count * bytes));
  for (std::uint8_t& byte : blocks) {
    byte = static_cast<std::uint8_t>(random());
    if (byte == 0x80) byte = 0;  // -128: no quantised value, and ggml's sign trick cannot hold it
  }
  for (std::int64_t at = 0; at < count; ++at) {
    for (int half = 0; half < (bytes == 34 ? 1 : 2); ++half) {
      const auto scale = static_cast<std::uint16_t>((random() & 0x8fff) | 0x2000);
      std::memcpy(&blocks[static_cast<std::size_t>(at * bytes + 2 * half)], &scale, 2);
    }
  }
  return blocks;
}

struct Shape {
  std::int64_t m, n, blocks;
};

// The sum of all products, signs aside.
double magnitude(Format format, std::int64_t blocks, const std::uint8_t* x, const std::uint8_t* y) {
  using xc::kernels::half_at;
  const bool has_minimums = format != Format::Q8_0;
  double sum = 0;
  for (std::int64_t b = 0; b < blocks; ++b) {
    std::int8_t values[32];
    xc::kernels::values_at(format, x, values);
    const std::uint8_t* column = y + (has_minimums ? 4 : 2);
    int products = 0;
    for (int i = 0; i < 32; ++i) {
      products += std::abs(values[i] * static_cast<std::int8_t>(column[i]));
    }
    sum += std::abs(half_at(x) * half_at(y) * static_cast<float>(products));
    if (has_minimums) sum += std::abs(half_at(x + 2) * half_at(y + 2));
    x += kRowBlockBytes[static_cast<int>(format)];
    y += kColumnBlockBytes[static_cast<int>(format)];
  }
  return sum;
}

void expect_same_bits(const Kernels& variant, int format, Shape shape) {
  std::mt19937 random(static_cast<unsigned>(shape.m * 7919 + shape.n * 31 + shape.blocks));
  const int bytes = kRowBlockBytes[format];
  const auto a = blocks_of(random, shape.m * shape.blocks, bytes);
  const auto b = blocks_of(random, shape.n * shape.blocks, kColumnBlockBytes[format]);
  std::vector<float> ours(static_cast<std::size_t>(shape.m * shape.n) + 8, -1.0f);
  ASSERT_TRUE(
      variant.multiply(format, shape.m, shape.n, shape.blocks, a.data(), b.data(), ours.data()));
  for (std::int64_t j = 0; j < shape.n; ++j) {
    for (std::int64_t i = 0; i < shape.m; ++i) {
      const std::uint8_t* x = a.data() + i * shape.blocks * bytes;
      const std::uint8_t* y = b.data() + j * shape.blocks * kColumnBlockBytes[format];
      const float mine = ours[static_cast<std::size_t>(j * shape.m + i)];
      float theirs = 0;
      variant.dot[format](static_cast<int>(32 * shape.blocks), &theirs, 0, x, 0, y, 0, 1);
      if (variant.own_order) {
        const auto kind = static_cast<Format>(format);
        ASSERT_NEAR(mine, theirs, 1e-6 * magnitude(kind, shape.blocks, x, y)) << variant.name;
        using Line = xc::kernels::PlainLine;
        theirs = dot_plainly(Line(kind, shape.blocks, x, true), Line(kind, shape.blocks, y, false));
      }
      ASSERT_EQ(std::memcmp(&mine, &theirs, sizeof mine), 0)
          << variant.name << " row " << i << " of " << shape.m << ", column " << j << " of "
          << shape.n << ", blocks " << shape.blocks << ": " << mine << " against " << theirs;
    }
  }
  for (std::size_t at = ours.size() - 8; at < ours.size(); ++at) EXPECT_EQ(ours[at], -1.0f);
}

TEST(MinGemm, has_the_bits_of_one_dot_product_in_every_shape) {
  int with_kernel = 0;
  for (const Variant& library : variants()) {
    const Kernels variant{
        library.name,
        {reinterpret_cast<Dot>(library.symbol("ggml_vec_dot_q4_1_q8_1")),
         reinterpret_cast<Dot>(library.symbol("ggml_vec_dot_q5_1_q8_1")),
         reinterpret_cast<Dot>(library.symbol("ggml_vec_dot_q8_0_q8_0"))},
        reinterpret_cast<Multiply>(library.symbol("xc_multiply")),
        reinterpret_cast<bool (*)()>(library.symbol("xc_multiplies_in_own_order"))()};
    ASSERT_NE(variant.multiply, nullptr) << variant.name;
    float none = 0;
    if (!variant.multiply(0, 0, 0, 0, nullptr, nullptr, &none)) continue;  // no AVX2
    ++with_kernel;
    for (const int format : {0, 1, 2}) {
      for (std::int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 24, 64, 65, 130}) {
        expect_same_bits(variant, format, {37, n, 18});
      }
      for (std::int64_t m : {1, 2, 3, 4, 5, 64, 193}) {
        for (std::int64_t n : {1, 5}) expect_same_bits(variant, format, {m, n, 5});
      }
      expect_same_bits(variant, format, {9, 20, 1});
      expect_same_bits(variant, format, {9, 20, 300});
    }
  }
  expect_some(with_kernel);
}

}  // namespace
