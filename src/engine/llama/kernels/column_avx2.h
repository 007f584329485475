// A few columns for AVX2, straight from the rows: what a step of one token needs.
//
// The order of sums, here and in tiles (tile_avx2.h): the products of a block are added as
// integers, exactly; sum = fma(d of the row · d of the column, those, sum) from block to block; the
// minimums likewise, and they are added last.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#include "engine/llama/kernels/blocks.h"

namespace xc::kernels {

// Whole blocks, not ggml's eight partial sums: the bits are not those of its dot products.
constexpr bool kOwnOrder = true;

template <class Block>
constexpr bool kSigned = std::is_same_v<Block, BlockQ8NoSum>;

inline __m256i values_of(const BlockQ8NoSum& x) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.qs));
}

constexpr int kColumnRows = 4;

// Products of one block of four rows and one column, summed.
inline __m128i column_dots(const __m256i (&x)[4], __m256i y) {
  __m256i pairs[4];
  for (int r = 0; r < 4; ++r) pairs[r] = _mm256_maddubs_epi16(x[r], y);
  const __m256i fours = _mm256_hadd_epi16(_mm256_hadd_epi16(pairs[0], pairs[1]),
                                          _mm256_hadd_epi16(pairs[2], pairs[3]));
  const __m256i halves = _mm256_madd_epi16(_mm256_set1_epi16(1), fours);
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

// The signs of x go over to y.
inline __m128i column_dots_signed(const __m256i (&x)[4], __m256i y) {
  __m256i fours[4];
  for (int r = 0; r < 4; ++r) {
    const __m256i pairs =
        _mm256_maddubs_epi16(_mm256_sign_epi8(x[r], x[r]), _mm256_sign_epi8(y, x[r]));
    fours[r] = _mm256_madd_epi16(_mm256_set1_epi16(1), pairs);
  }
  const __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(fours[0], fours[1]),
                                           _mm256_hadd_epi32(fours[2], fours[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

// Four rows by a few columns.
template <class Block, class Column, int kColumns>
void column_tile(const Block* const (&rows)[kColumnRows], std::int64_t next_rows,
                 const Column* const (&y)[kColumns], std::int64_t blocks,
                 float (&out)[kColumns][kColumnRows]) {
  __m128 sums[kColumns];
  __m128 minimums[kColumns];
  for (int j = 0; j < kColumns; ++j) sums[j] = minimums[j] = _mm_setzero_ps();
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (const Block* row : rows) _mm_prefetch(row + next_rows + b, _MM_HINT_T0);
    __m256i x[4];
    for (int r = 0; r < 4; ++r) x[r] = values_of(rows[r][b]);
    const __m256 scales = scales_of_rows(rows, b);
    const __m128 d = _mm256_castps256_ps128(scales);
    for (int j = 0; j < kColumns; ++j) {
      const Column& column = y[j][b];
      const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column.qs));
      const __m128 scale = _mm_mul_ps(d, _mm_set1_ps(half_to_float(column.d)));
      if constexpr (kSigned<Block>) {
        sums[j] = _mm_fmadd_ps(scale, _mm_cvtepi32_ps(column_dots_signed(x, q)), sums[j]);
      } else {
        sums[j] = _mm_fmadd_ps(scale, _mm_cvtepi32_ps(column_dots(x, q)), sums[j]);
        const __m128 s = _mm_set1_ps(half_to_float(column.s));
        minimums[j] = _mm_fmadd_ps(_mm256_extractf128_ps(scales, 1), s, minimums[j]);
      }
    }
  }
  for (int j = 0; j < kColumns; ++j) {
    if constexpr (!kSigned<Block>) sums[j] = _mm_add_ps(sums[j], minimums[j]);
    _mm_storeu_ps(out[j], sums[j]);
  }
}

}  // namespace xc::kernels
