// The few vector operations that the attention kernel needs, for AVX-512 and for AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace xc::kernels {

#if defined(__AVX512F__) && defined(__AVX512DQ__)

using Lanes = __m512;
constexpr int kLanes = 16;

inline Lanes zeros() { return _mm512_setzero_ps(); }
inline Lanes all(float value) { return _mm512_set1_ps(value); }
inline Lanes load(const float* at) { return _mm512_loadu_ps(at); }
inline void store(float* at, Lanes value) { _mm512_storeu_ps(at, value); }
inline Lanes load_half(const std::uint16_t* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
inline float first_of(Lanes a) { return _mm512_cvtss_f32(a); }
inline float greatest_of(Lanes a) { return _mm512_reduce_max_ps(a); }
inline Lanes plus(Lanes a, Lanes b) { return _mm512_add_ps(a, b); }
inline Lanes minus(Lanes a, Lanes b) { return _mm512_sub_ps(a, b); }
inline Lanes times(Lanes a, Lanes b) { return _mm512_mul_ps(a, b); }
inline Lanes greater(Lanes a, Lanes b) { return _mm512_max_ps(a, b); }
inline Lanes times_plus(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
inline Lanes minus_times(Lanes c, Lanes a, Lanes b) { return _mm512_fnmadd_ps(a, b, c); }
inline Lanes rounded(Lanes a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Lanes times_power_of_two(Lanes a, Lanes n) { return _mm512_scalef_ps(a, n); }

// out[i] = sum of the lanes of v[i].
inline Lanes sums_of(const Lanes (&v)[kLanes]) {
  Lanes quarter[4];
  for (int i = 0; i < 4; ++i) {
    const Lanes* four = v + 4 * i;
    const Lanes ab =
        plus(_mm512_unpacklo_ps(four[0], four[1]), _mm512_unpackhi_ps(four[0], four[1]));
    const Lanes cd =
        plus(_mm512_unpacklo_ps(four[2], four[3]), _mm512_unpackhi_ps(four[2], four[3]));
    quarter[i] = plus(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
  }
  const auto fold = [](Lanes a, Lanes b) {
    return plus(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  };
  return fold(fold(quarter[0], quarter[1]), fold(quarter[2], quarter[3]));
}

#else

using Lanes = __m256;
constexpr int kLanes = 8;

inline Lanes zeros() { return _mm256_setzero_ps(); }
inline Lanes all(float value) { return _mm256_set1_ps(value); }
inline Lanes load(const float* at) { return _mm256_loadu_ps(at); }
inline void store(float* at, Lanes value) { _mm256_storeu_ps(at, value); }
inline Lanes load_half(const std::uint16_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
inline float first_of(Lanes a) { return _mm256_cvtss_f32(a); }
inline float greatest_of(Lanes a) {
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}
inline Lanes plus(Lanes a, Lanes b) { return _mm256_add_ps(a, b); }
inline Lanes minus(Lanes a, Lanes b) { return _mm256_sub_ps(a, b); }
inline Lanes times(Lanes a, Lanes b) { return _mm256_mul_ps(a, b); }
inline Lanes greater(Lanes a, Lanes b) { return _mm256_max_ps(a, b); }
inline Lanes times_plus(Lanes a, Lanes b, Lanes c) { return _mm256_fmadd_ps(a, b, c); }
inline Lanes minus_times(Lanes c, Lanes a, Lanes b) { return _mm256_fnmadd_ps(a, b, c); }
inline Lanes rounded(Lanes a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// n: whole numbers from -126 to 127.
inline Lanes times_power_of_two(Lanes a, Lanes n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return times(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

// out[i] = sum of the lanes of v[i].
inline Lanes sums_of(const Lanes (&v)[kLanes]) {
  Lanes half[2];
  for (int i = 0; i < 2; ++i) {
    const Lanes* four = v + 4 * i;
    const Lanes ab =
        plus(_mm256_unpacklo_ps(four[0], four[1]), _mm256_unpackhi_ps(four[0], four[1]));
    const Lanes cd =
        plus(_mm256_unpacklo_ps(four[2], four[3]), _mm256_unpackhi_ps(four[2], four[3]));
    half[i] = plus(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
  }
  return plus(_mm256_permute2f128_ps(half[0], half[1], 0x20),
              _mm256_permute2f128_ps(half[0], half[1], 0x31));
}

#endif

// exp(x) for x ≤ 0, within 2 units in the last place; 0 stands for what is below exp(-87).
inline Lanes exp_of_negative(Lanes x) {
  const Lanes bounded = greater(x, all(-87.0f));
  const Lanes n = rounded(times(bounded, all(1.44269504f)));
  Lanes r = minus_times(bounded, n, all(0.693145752f));  // ln 2 in two parts: Cody and Waite
  r = minus_times(r, n, all(1.42860677e-6f));
  Lanes power = all(1.0f / 720);
  for (const float factor : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
    power = times_plus(power, r, all(factor));
  }
  return times_power_of_two(power, n);
}

}  // namespace xc::kernels
