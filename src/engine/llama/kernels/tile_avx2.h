// Tiles for AVX2: one column in a register, four rows by two columns a tile.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine/llama/kernels/blocks.h"

namespace xc::kernels {

// Two columns of one block of B.
struct alignas(32) PackedColumns {
  std::int8_t q[2][32];
  float d[2];
  float s[2];
  float unused[4];
};

constexpr int kTileColumns = 2;

inline void pack_column(const BlockQ8& y, int at, PackedColumns& out) {
  std::memcpy(out.q[at], y.qs, 32);
  out.d[at] = half_to_float(y.d);
  out.s[at] = half_to_float(y.s);
}

inline __m256i values_of(const BlockQ8NoSum& x) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.qs));
}

inline void pack_column(const BlockQ8NoSum& y, int at, PackedColumns& out) {
  std::memcpy(out.q[at], y.qs, 32);
  out.d[at] = half_to_float(y.d);
  out.s[at] = 0;
}

// Products of 32 values, in sums of four. kSigned: x is signed too; its signs go over to y.
template <bool kSigned>
__m256i dot_of(__m256i x, __m256i y) {
  if constexpr (kSigned) {
    y = _mm256_sign_epi8(y, x);
    x = _mm256_sign_epi8(x, x);
  }
  return _mm256_madd_epi16(_mm256_set1_epi16(1), _mm256_maddubs_epi16(x, y));
}

// The sums of four rows over their eight partial sums, added as hsum_float_8 of ggml does.
inline __m128 sums_of_rows(const __m256 (&acc)[4]) {
  __m128 folded[4];
  for (int r = 0; r < 4; ++r) {
    folded[r] = _mm_add_ps(_mm256_extractf128_ps(acc[r], 1), _mm256_castps256_ps128(acc[r]));
  }
  const __m128 ab =
      _mm_add_ps(_mm_unpacklo_ps(folded[0], folded[1]), _mm_unpackhi_ps(folded[0], folded[1]));
  const __m128 cd =
      _mm_add_ps(_mm_unpacklo_ps(folded[2], folded[3]), _mm_unpackhi_ps(folded[2], folded[3]));
  return _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}

// Blocks whose scales are multiplied at once, before their values are.
constexpr std::int64_t kScaledBlocks = 16;

template <int kColumns, bool kSigned>
void tile(const UnpackedRows* x, const PackedColumns* y, std::int64_t blocks, float* c,
          std::int64_t ldc) {
  __m256 acc[kColumns][4];
  __m128 minimums[kColumns];
  for (int j = 0; j < kColumns; ++j) {
    for (__m256& one : acc[j]) one = _mm256_setzero_ps();
    minimums[j] = _mm_setzero_ps();
  }
  alignas(16) float scales[kScaledBlocks][kColumns][4];
  for (std::int64_t begin = 0; begin < blocks; begin += kScaledBlocks) {
    const std::int64_t end = std::min(begin + kScaledBlocks, blocks);
    for (std::int64_t b = begin; b < end; ++b) {
      for (int j = 0; j < kColumns; ++j) {
        _mm_store_ps(scales[b - begin][j], _mm_mul_ps(_mm_load_ps(x[b].d), _mm_set1_ps(y[b].d[j])));
        minimums[j] = _mm_fmadd_ps(_mm_load_ps(x[b].m), _mm_set1_ps(y[b].s[j]), minimums[j]);
      }
    }
    for (std::int64_t b = begin; b < end; ++b) {
      for (int r = 0; r < 4; ++r) {
        const __m256i xq = _mm256_load_si256(reinterpret_cast<const __m256i*>(x[b].q[r]));
        for (int j = 0; j < kColumns; ++j) {
          const __m256i q = _mm256_load_si256(reinterpret_cast<const __m256i*>(y[b].q[j]));
          const __m256 scale = _mm256_broadcast_ss(&scales[b - begin][j][r]);
          const __m256i dot = dot_of<kSigned>(xq, q);
          acc[j][r] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot), acc[j][r]);
        }
      }
    }
  }
  for (int j = 0; j < kColumns; ++j) {
    _mm_storeu_ps(c + j * ldc, _mm_add_ps(sums_of_rows(acc[j]), minimums[j]));
  }
}

template <bool kSigned>
void any_tile(const UnpackedRows* x, const PackedColumns* y, std::int64_t blocks, int columns,
              float* c, std::int64_t ldc) {
  if (columns > 1) return tile<2, kSigned>(x, y, blocks, c, ldc);
  return tile<1, kSigned>(x, y, blocks, c, ldc);
}

constexpr int kColumnRows = 4;

// Four rows by one column, straight from the rows: what a step of one token needs.
template <class Block>
void column_tile(const Block* const (&rows)[kColumnRows], std::int64_t next_rows, const BlockQ8* y,
                 std::int64_t blocks, float (&out)[kColumnRows]) {
  __m256 acc[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                   _mm256_setzero_ps()};
  __m128 minimums = _mm_setzero_ps();
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (const Block* row : rows) _mm_prefetch(row + next_rows + b, _MM_HINT_T0);
    UnpackedRows x;
    unpack(rows, b, x);
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(y[b].qs));
    const __m256 dy = _mm256_set1_ps(half_to_float(y[b].d));
    for (int r = 0; r < 4; ++r) {
      const __m256i xq = _mm256_load_si256(reinterpret_cast<const __m256i*>(x.q[r]));
      const __m256i dot = dot_of<false>(xq, q);
      const __m256 dd = _mm256_mul_ps(_mm256_set1_ps(x.d[r]), dy);
      acc[r] = _mm256_fmadd_ps(dd, _mm256_cvtepi32_ps(dot), acc[r]);
    }
    minimums = _mm_fmadd_ps(_mm_load_ps(x.m), _mm_set1_ps(half_to_float(y[b].s)), minimums);
  }
  _mm_storeu_ps(out, _mm_add_ps(sums_of_rows(acc), minimums));
}

}  // namespace xc::kernels
