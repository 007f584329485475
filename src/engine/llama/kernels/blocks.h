// The blocks that the kernels read, laid out as ggml's block_q4_1, block_q5_1, block_q8_0 and
// block_q8_1, and four rows of A unpacked.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xc::kernels {

struct BlockQ4 {
  std::uint16_t d, m;  // IEEE half precision
  std::uint8_t qs[16];
};
struct BlockQ5 {
  std::uint16_t d, m;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};
struct BlockQ8 {       // Q8_1
  std::uint16_t d, s;  // s = d · sum of qs
  std::int8_t qs[32];
};
struct BlockQ8NoSum {  // Q8_0, of either side
  std::uint16_t d;
  std::int8_t qs[32];
};

// One block of four rows.
struct alignas(32) UnpackedRows {
  std::uint8_t q[4][32];
  float d[4];
  float m[4];
};
static_assert(offsetof(UnpackedRows, m) == offsetof(UnpackedRows, d) + 16);

// Of signed values, where they are multiplied in 16 bits.
struct alignas(32) UnpackedSigned {
  std::int16_t q[4][32];
  float d[4];
  float m[4];
};
static_assert(offsetof(UnpackedSigned, m) == offsetof(UnpackedSigned, d) + 16);

inline float half_to_float(std::uint16_t half) { return _cvtsh_ss(half); }

// 32 values of four bits: the low halves of 16 bytes, then the high ones.
inline __m256i nibbles_of(const std::uint8_t* qs) {
  const __m256i twice =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(qs)));
  const __m256i shifts = _mm256_set_epi32(4, 4, 4, 4, 0, 0, 0, 0);
  return _mm256_and_si256(_mm256_srlv_epi32(twice, shifts), _mm256_set1_epi8(0xF));
}

inline __m256i values_of(const BlockQ4& x) { return nibbles_of(x.qs); }

// As above, with bit i of qh as the fifth bit of value i.
inline __m256i values_of(const BlockQ5& x) {
  std::uint32_t bits;
  std::memcpy(&bits, x.qh, sizeof bits);
  const __m256i byte_of_bit = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202,
                                                0x0101010101010101, 0x0000000000000000);
  const __m256i spread =
      _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), byte_of_bit);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
  return _mm256_or_si256(nibbles_of(x.qs), _mm256_and_si256(set, _mm256_set1_epi8(0x10)));
}

// d and m of a row; m is 0 where the format has none.
template <class Block>
std::int32_t scales_of(const Block& x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline std::int32_t scales_of(const BlockQ8NoSum& x) { return x.d; }

// Those of a block of each of four rows: four d, then four m.
template <class Block>
__m256 scales_of_rows(const Block* const (&rows)[4], std::int64_t at) {
  const __m128i halves = _mm_set_epi32(scales_of(rows[3][at]), scales_of(rows[2][at]),
                                       scales_of(rows[1][at]), scales_of(rows[0][at]));
  const __m256i deltas_first = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
  return _mm256_permutevar8x32_ps(_mm256_cvtph_ps(halves), deltas_first);
}

inline void store_values(__m256i bytes, std::uint8_t* out) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(out), bytes);
}

inline void store_values(__m256i bytes, std::int16_t* out) {
  auto* halves = reinterpret_cast<__m256i*>(out);
  _mm256_store_si256(halves, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)));
  _mm256_store_si256(halves + 1, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(bytes, 1)));
}

// A block of each of four rows, side by side.
template <class Block, class Rows>
void unpack(const Block* const (&rows)[4], std::int64_t at, Rows& out) {
  for (int r = 0; r < 4; ++r) store_values(values_of(rows[r][at]), out.q[r]);
  _mm256_store_ps(out.d, scales_of_rows(rows, at));
}

}  // namespace xc::kernels
