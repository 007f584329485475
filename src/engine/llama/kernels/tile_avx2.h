// Tiles for AVX2: a column in each lane of a register, four rows by sixteen columns a tile. The
// order of sums is that of column_avx2.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/llama/kernels/column_avx2.h"

namespace xc::kernels {

constexpr int kTileColumns = 16;
constexpr int kLanes = 8;

// Sixteen columns of one block of B. A step is what one lane multiplies at once: four bytes.
template <class Value>
struct alignas(32) PackedColumns {
  static constexpr int kStep = 4 / sizeof(Value);
  static constexpr int kSteps = 32 / kStep;
  Value q[kSteps][kTileColumns][kStep];
  float d[kTileColumns];
  float s[kTileColumns];
};

template <class Block>
using ColumnsFor = PackedColumns<std::conditional_t<kSigned<Block>, std::int16_t, std::int8_t>>;
template <class Block>
using RowsFor = std::conditional_t<kSigned<Block>, UnpackedSigned, UnpackedRows>;

template <class Value>
void pack_values(const Value (&values)[32], int at, PackedColumns<Value>& out) {
  constexpr int kStep = PackedColumns<Value>::kStep;
  for (int i = 0; i < PackedColumns<Value>::kSteps; ++i) {
    std::memcpy(out.q[i][at], values + kStep * i, 4);
  }
}

inline void pack_column(const BlockQ8& y, int at, PackedColumns<std::int8_t>& out) {
  pack_values(y.qs, at, out);
  out.d[at] = half_to_float(y.d);
  out.s[at] = half_to_float(y.s);
}

inline void pack_column(const BlockQ8NoSum& y, int at, PackedColumns<std::int16_t>& out) {
  alignas(32) std::int16_t values[32];
  store_values(values_of(y), values);
  pack_values(values, at, out);
  out.d[at] = half_to_float(y.d);
}

// Else the compiler adds in a tree, keeps all operands at once, and spills most of them.
inline void stay_in_order(__m256i& sum) { asm("" : "+x"(sum)); }

// Sums of pairs of a row of so many bits, added up in 16 bits before they need 32:
// 2 · 15 · 128 · 8 and 2 · 31 · 128 · 4 are below 32,768.
template <class Block>
constexpr int kStepsIn16 = std::is_same_v<Block, BlockQ4> ? 8 : 4;

// Products of one block, summed, of four rows and kVectors · 8 columns.
template <class Block, int kVectors>
[[gnu::always_inline]] inline void dots_of(const UnpackedRows& x,
                                           const PackedColumns<std::int8_t>& y,
                                           __m256i (&dots)[4][kVectors]) {
  constexpr int kIn16 = kStepsIn16<Block>;
#pragma unroll
  for (int begin = 0; begin < y.kSteps; begin += kIn16) {
    __m256i sums[4][kVectors];
#pragma unroll
    for (int i = begin; i < begin + kIn16; ++i) {
      __m256i columns[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        columns[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(y.q[i][kLanes * v]));
      }
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        std::int32_t four;
        std::memcpy(&four, x.q[r] + 4 * i, sizeof four);
        const __m256i row = _mm256_set1_epi32(four);
        for (int v = 0; v < kVectors; ++v) {
          const __m256i pairs = _mm256_maddubs_epi16(row, columns[v]);
          sums[r][v] = i == begin ? pairs : _mm256_add_epi16(sums[r][v], pairs);
          stay_in_order(sums[r][v]);
        }
      }
    }
    for (int r = 0; r < 4; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        const __m256i wide = _mm256_madd_epi16(_mm256_set1_epi16(1), sums[r][v]);
        dots[r][v] = begin == 0 ? wide : _mm256_add_epi32(dots[r][v], wide);
      }
    }
  }
}

template <class Block, int kVectors>
[[gnu::always_inline]] inline void dots_of(const UnpackedSigned& x,
                                           const PackedColumns<std::int16_t>& y,
                                           __m256i (&dots)[4][kVectors]) {
#pragma unroll
  for (int i = 0; i < y.kSteps; ++i) {
    __m256i columns[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(y.q[i][kLanes * v]));
    }
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      std::int32_t two;
      std::memcpy(&two, x.q[r] + 2 * i, sizeof two);
      const __m256i row = _mm256_set1_epi32(two);
      for (int v = 0; v < kVectors; ++v) {
        const __m256i sums = _mm256_madd_epi16(row, columns[v]);
        dots[r][v] = i == 0 ? sums : _mm256_add_epi32(dots[r][v], sums);
        stay_in_order(dots[r][v]);
      }
    }
  }
}

template <class Rows, class Columns, int kVectors>
void add_minimums(const Rows* x, const Columns* y, std::int64_t blocks,
                  __m256 (&sums)[4][kVectors]) {
  __m256 minimums[4][kVectors];
  for (auto& row : minimums) {
    for (__m256& one : row) one = _mm256_setzero_ps();
  }
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (int v = 0; v < kVectors; ++v) {
      const __m256 s = _mm256_load_ps(y[b].s + kLanes * v);
      for (int r = 0; r < 4; ++r) {
        minimums[r][v] = _mm256_fmadd_ps(_mm256_broadcast_ss(x[b].m + r), s, minimums[r][v]);
      }
    }
  }
  for (int r = 0; r < 4; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm256_add_ps(sums[r][v], minimums[r][v]);
  }
}

// Four rows by kVectors · 8 columns; columns: how many are wanted.
template <class Block, int kVectors>
void tile(const RowsFor<Block>* x, const ColumnsFor<Block>* y, std::int64_t blocks, int columns,
          float* c, std::int64_t ldc) {
  __m256 sums[4][kVectors];
  for (auto& row : sums) {
    for (__m256& one : row) one = _mm256_setzero_ps();
  }
  for (std::int64_t b = 0; b < blocks; ++b) {
    __m256i dots[4][kVectors];
    dots_of<Block>(x[b], y[b], dots);
    for (int v = 0; v < kVectors; ++v) {
      const __m256 dy = _mm256_load_ps(y[b].d + kLanes * v);
      for (int r = 0; r < 4; ++r) {
        const __m256 scale = _mm256_mul_ps(_mm256_broadcast_ss(x[b].d + r), dy);
        sums[r][v] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dots[r][v]), sums[r][v]);
      }
    }
  }
  if constexpr (!kSigned<Block>) add_minimums(x, y, blocks, sums);
  alignas(32) float out[4][kTileColumns];
  for (int r = 0; r < 4; ++r) {
    for (int v = 0; v < kVectors; ++v) _mm256_store_ps(out[r] + kLanes * v, sums[r][v]);
  }
  for (int j = 0; j < columns; ++j) {
    _mm_storeu_ps(c + j * ldc, _mm_set_ps(out[3][j], out[2][j], out[1][j], out[0][j]));
  }
}

template <class Block>
void any_tile(const RowsFor<Block>* x, const ColumnsFor<Block>* y, std::int64_t blocks, int columns,
              float* c, std::int64_t ldc) {
  if (columns > kLanes) return tile<Block, 2>(x, y, blocks, columns, c, ldc);
  return tile<Block, 1>(x, y, blocks, columns, c, ldc);
}

}  // namespace xc::kernels
