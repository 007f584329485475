// Tiles for AVX-512 with VNNI: two columns in a register, four rows by eight columns a tile.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/llama/kernels/blocks.h"

namespace xc::kernels {

// Eight columns of one block of B.
struct alignas(64) PackedColumns {
  std::int8_t q[4][64];  // two columns side by side
  float d[4][16];        // their deltas, each eight times
  float s[2][16];        // delta · sum of a column, four times for four rows
  std::int32_t less[4]
                   [16];  // for signed rows: what 128 more in each value of the row adds, negative
};

// The bits of ggml's own dot products: eight partial sums, added in its order.
constexpr bool kOwnOrder = false;

constexpr int kTileColumns = 8;

template <class Block>
using ColumnsFor = PackedColumns;
template <class Block>
using RowsFor = UnpackedRows;

inline void pack_column(const BlockQ8& y, int at, PackedColumns& out) {
  const int pair = at / 2;
  const int half = at % 2;
  std::memcpy(out.q[pair] + 32 * half, y.qs, 32);
  _mm256_storeu_ps(out.d[pair] + 8 * half, _mm256_set1_ps(half_to_float(y.d)));
  _mm_storeu_ps(out.s[at / 4] + 4 * (at % 4), _mm_set1_ps(half_to_float(y.s)));
}

// Signed values as unsigned ones: 128 more.
inline __m256i values_of(const BlockQ8NoSum& x) {
  return _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.qs)),
                          _mm256_set1_epi8(static_cast<char>(0x80)));
}

inline void pack_column(const BlockQ8NoSum& y, int at, PackedColumns& out) {
  const int pair = at / 2;
  const int half = at % 2;
  const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(y.qs));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q[pair] + 32 * half), q);
  _mm256_storeu_ps(out.d[pair] + 8 * half, _mm256_set1_ps(half_to_float(y.d)));
  const __m256i sums =
      _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(static_cast<char>(0x80)), q);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.less[pair] + 8 * half),
                      _mm256_sub_epi32(_mm256_setzero_si256(), sums));
}

// Lane 0 of each 256-bit half: the sums of four rows over their eight partial sums, added as
// hsum_float_8 of ggml does.
inline __m512 sums_of_rows(const __m512 (&acc)[4]) {
  __m512 folded[4];
  for (int r = 0; r < 4; ++r) {
    folded[r] =
        _mm512_add_ps(_mm512_shuffle_f32x4(acc[r], acc[r], _MM_SHUFFLE(2, 3, 0, 1)), acc[r]);
  }
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(folded[0], folded[1]),
                                  _mm512_unpackhi_ps(folded[0], folded[1]));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(folded[2], folded[3]),
                                  _mm512_unpackhi_ps(folded[2], folded[3]));
  return _mm512_add_ps(_mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(1, 0, 1, 0)),
                       _mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 2, 3, 2)));
}

// Four rows by 2·kPairs columns. Writes four numbers to each column; columns: how many are wanted.
// kSigned: of Q8_0.
template <int kPairs, bool kSigned>
void tile(const UnpackedRows* x, const PackedColumns* y, std::int64_t blocks, int columns, float* c,
          std::int64_t ldc) {
  constexpr int kFours = (kPairs + 1) / 2;
  __m512 acc[kPairs][4];
  __m512 minimums[kFours];
  for (auto& pair : acc) {
    for (__m512& one : pair) one = _mm512_setzero_ps();
  }
  for (__m512& one : minimums) one = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (int r = 0; r < 4; ++r) {
      const __m512i q =
          _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(x[b].q[r])));
      const __m512 d = _mm512_set1_ps(x[b].d[r]);
      for (int p = 0; p < kPairs; ++p) {
        const __m512i begin = kSigned ? _mm512_load_si512(y[b].less[p]) : _mm512_setzero_si512();
        const __m512i dot = _mm512_dpbusd_epi32(begin, q, _mm512_load_si512(y[b].q[p]));
        const __m512 dd = _mm512_mul_ps(d, _mm512_load_ps(y[b].d[p]));
        acc[p][r] = _mm512_fmadd_ps(dd, _mm512_cvtepi32_ps(dot), acc[p][r]);
      }
    }
    if constexpr (kSigned) continue;
    const __m512 m = _mm512_broadcast_f32x4(_mm_load_ps(x[b].m));
    for (int f = 0; f < kFours; ++f) {
      minimums[f] = _mm512_fmadd_ps(m, _mm512_load_ps(y[b].s[f]), minimums[f]);
    }
  }
  alignas(64) float minimum[kFours][16];
  for (int f = 0; f < kFours; ++f) _mm512_store_ps(minimum[f], minimums[f]);
  for (int p = 0; p < kPairs; ++p) {
    const __m512 sums = sums_of_rows(acc[p]);
    const int column = 2 * p;
    const __m128 first = _mm_add_ps(_mm512_castps512_ps128(sums),
                                    _mm_load_ps(minimum[column / 4] + 4 * (column % 4)));
    if (column < columns) _mm_storeu_ps(c + column * ldc, first);
    const __m128 second = _mm_add_ps(_mm512_extractf32x4_ps(sums, 2),
                                     _mm_load_ps(minimum[column / 4] + 4 * (column % 4 + 1)));
    if (column + 1 < columns) _mm_storeu_ps(c + (column + 1) * ldc, second);
  }
}

template <class Block>
void any_tile(const UnpackedRows* x, const PackedColumns* y, std::int64_t blocks, int columns,
              float* c, std::int64_t ldc) {
  constexpr bool kSigned = std::is_same_v<Block, BlockQ8NoSum>;
  if (columns > 6) return tile<4, kSigned>(x, y, blocks, columns, c, ldc);
  if (columns > 4) return tile<3, kSigned>(x, y, blocks, columns, c, ldc);
  if (columns > 2) return tile<2, kSigned>(x, y, blocks, columns, c, ldc);
  return tile<1, kSigned>(x, y, blocks, columns, c, ldc);
}

// Values of one block of two rows, side by side.
inline __m512i two_rows(const BlockQ4& a, const BlockQ4& b) {
  const auto load = [](const std::uint8_t* qs) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(qs));
  };
  const __m512i bytes =
      _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load(a.qs)), 0xFF00, load(b.qs));
  const __m512i shifts = _mm512_set_epi32(4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0);
  return _mm512_and_si512(_mm512_srlv_epi32(bytes, shifts), _mm512_set1_epi8(0xF));
}
inline __m512i two_rows(const BlockQ5& a, const BlockQ5& b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(values_of(a)), values_of(b), 1);
}

// Deltas and minimums of one block of eight rows: d0 m0 d1 m1 …
template <class Block>
__m512 scales_of(const Block* const (&rows)[8], std::int64_t at) {
  const auto four = [&rows, at](int first) {
    std::int32_t scale[4];
    for (int r = 0; r < 4; ++r) std::memcpy(&scale[r], rows[first + r] + at, sizeof scale[r]);
    return _mm_set_epi32(scale[3], scale[2], scale[1], scale[0]);
  };
  return _mm512_cvtph_ps(_mm256_set_m128i(four(4), four(0)));
}

constexpr int kColumnRows = 8;

// Eight rows by one column, straight from the rows: what a step of one token needs.
template <class Block, class Column, int kColumns>
void column_tile(const Block* const (&rows)[kColumnRows], std::int64_t next_rows,
                 const Column* const (&columns)[kColumns], std::int64_t blocks,
                 float (&results)[kColumns][kColumnRows]) {
  static_assert(kColumns == 1 && std::is_same_v<Column, BlockQ8>);
  const BlockQ8* y = columns[0];
  float(&out)[kColumnRows] = results[0];
  __m512 acc[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                   _mm512_setzero_ps()};
  __m512 minimums = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (const Block* row : rows) _mm_prefetch(row + next_rows + b, _MM_HINT_T0);
    const __m512 scales = scales_of(rows, b);
    minimums = _mm512_fmadd_ps(scales, _mm512_set1_ps(half_to_float(y[b].s)), minimums);
    const __m512 dd = _mm512_mul_ps(scales, _mm512_set1_ps(half_to_float(y[b].d)));
    const __m512i q =
        _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(y[b].qs)));
    for (int p = 0; p < 4; ++p) {
      const __m512i dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(),
                                              two_rows(rows[2 * p][b], rows[2 * p + 1][b]), q);
      const __m512i halves =
          _mm512_inserti64x4(_mm512_set1_epi32(4 * p), _mm256_set1_epi32(4 * p + 2), 1);
      acc[p] = _mm512_fmadd_ps(_mm512_permutexvar_ps(halves, dd), _mm512_cvtepi32_ps(dot), acc[p]);
    }
  }
  alignas(64) float minimum[16];
  alignas(64) float sums[16];
  _mm512_store_ps(minimum, minimums);
  _mm512_store_ps(sums, sums_of_rows(acc));
  for (int r = 0; r < kColumnRows; ++r) out[r] = sums[8 * (r % 2) + r / 2] + minimum[2 * r + 1];
}

}  // namespace xc::kernels
