// The products of min_gemm.h in plain C++ and in the order of tile_avx2.h: what tests compare the
// tiles with, bit by bit.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/llama/kernels/min_gemm.h"

namespace xc::kernels {

inline constexpr int kRowBlockBytes[] = {20, 24, 34};     // Q4_1, Q5_1, Q8_0
inline constexpr int kColumnBlockBytes[] = {36, 36, 34};  // Q8_1, Q8_1, Q8_0

inline float half_at(const void* bytes) {
  _Float16 half;
  std::memcpy(&half, bytes, sizeof half);
  return half;
}

// The 32 values of a block of a row.
inline void values_at(Format format, const std::uint8_t* block, std::int8_t* values) {
  if (format == Format::Q8_0) {
    std::memcpy(values, block + 2, 32);
    return;
  }
  const std::uint8_t* nibbles = block + (format == Format::Q4_1 ? 4 : 8);
  for (int i = 0; i < 16; ++i) {
    values[i] = static_cast<std::int8_t>(nibbles[i] & 0xF);
    values[16 + i] = static_cast<std::int8_t>(nibbles[i] >> 4);
  }
  if (format == Format::Q4_1) return;
  for (int i = 0; i < 32; ++i) {
    const int fifth = (block[4 + i / 8] >> (i % 8)) & 1;
    values[i] = static_cast<std::int8_t>(values[i] | fifth << 4);
  }
}

// A row or a column whose blocks are taken apart.
struct PlainLine {
  std::vector<std::int8_t> values;  // 32 a block
  std::vector<float> d, s;          // s: a row's minimum, a column's d · sum of values; else empty

  PlainLine(Format format, std::int64_t blocks, const std::uint8_t* at, bool is_row) {
    const bool has_minimums = format != Format::Q8_0;
    const int bytes = (is_row ? kRowBlockBytes : kColumnBlockBytes)[static_cast<int>(format)];
    values.resize(static_cast<std::size_t>(32 * blocks));
    for (std::int64_t b = 0; b < blocks; ++b, at += bytes) {
      std::int8_t* out = values.data() + 32 * b;
      if (is_row) values_at(format, at, out);
      if (!is_row) std::memcpy(out, at + (has_minimums ? 4 : 2), 32);
      d.push_back(half_at(at));
      if (has_minimums) s.push_back(half_at(at + 2));
    }
  }
};

// Whole blocks one after the other; the minimums likewise, added last.
inline float dot_plainly(const PlainLine& x, const PlainLine& y) {
  float sum = 0;
  for (std::size_t b = 0; b < x.d.size(); ++b) {
    const std::int8_t* row = x.values.data() + 32 * b;
    const std::int8_t* column = y.values.data() + 32 * b;
    int products = 0;
    for (int i = 0; i < 32; ++i) products += row[i] * column[i];
    sum = std::fma(x.d[b] * y.d[b], static_cast<float>(products), sum);
  }
  if (x.s.empty()) return sum;
  float minimums = 0;
  for (std::size_t b = 0; b < x.s.size(); ++b) minimums = std::fma(x.s[b], y.s[b], minimums);
  return sum + minimums;
}

// Rows [begin, end) by all columns.
inline void multiply_plainly(const Product& p, std::int64_t begin, std::int64_t end) {
  const auto line = [&p](const void* from, std::int64_t at, bool is_row) {
    const int bytes = (is_row ? kRowBlockBytes : kColumnBlockBytes)[static_cast<int>(p.format)];
    return PlainLine(p.format, p.blocks, static_cast<const std::uint8_t*>(from) + at * bytes,
                     is_row);
  };
  std::vector<PlainLine> columns;
  for (std::int64_t j = 0; j < p.n; ++j) columns.push_back(line(p.b, j * p.ldb, false));
  for (std::int64_t i = begin; i < end; ++i) {
    const PlainLine row = line(p.a, i * p.lda, true);
    float* out = p.c + i;
    for (const PlainLine& column : columns) {
      *out = dot_plainly(row, column);
      out += p.ldc;
    }
  }
}

}  // namespace xc::kernels
