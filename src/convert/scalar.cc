#include "convert/scalar.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace xc::convert {
namespace {

static_assert(std::endian::native == std::endian::little, "weights are read by memcpy");

// The loops over weights are compiled for several instruction sets, and the loader picks one. Not
// under sanitizers: those are not up yet when it does.
#if defined(__x86_64__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer) && !__has_feature(memory_sanitizer)
#define XC_FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#define XC_HAS_F16C 1
#else
#define XC_FOR_EACH_PROCESSOR
#endif

struct DtypeFacts {
  Dtype type;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<DtypeFacts, 12> kDtypes{{{Dtype::F64, "F64", 8},
                                              {Dtype::F32, "F32", 4},
                                              {Dtype::F16, "F16", 2},
                                              {Dtype::BF16, "BF16", 2},
                                              {Dtype::F8E4M3, "F8_E4M3", 1},
                                              {Dtype::F8E5M2, "F8_E5M2", 1},
                                              {Dtype::I64, "I64", 8},
                                              {Dtype::I32, "I32", 4},
                                              {Dtype::I16, "I16", 2},
                                              {Dtype::I8, "I8", 1},
                                              {Dtype::U8, "U8", 1},
                                              {Dtype::Bool, "BOOL", 1}}};

// Sign, `exponent_bits` and the rest of one byte; `finite_top` says that the highest exponent
// holds numbers too, except for all ones.
float from_f8(std::uint8_t bits, int mantissa_bits, int bias, bool finite_top) {
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const int exponent_max = (1 << (7 - mantissa_bits)) - 1;
  const int exponent = (bits & 0x7f) >> mantissa_bits;
  const float sign = (bits & 0x80) != 0 ? -1.0f : 1.0f;
  if (exponent == exponent_max) {
    if (!finite_top && mantissa == 0) return sign * std::numeric_limits<float>::infinity();
    if (!finite_top || mantissa == (1 << mantissa_bits) - 1) {
      return std::numeric_limits<float>::quiet_NaN();
    }
  }
  const float fraction = static_cast<float>(mantissa) / static_cast<float>(1 << mantissa_bits);
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias);
  return sign * std::ldexp(1.0f + fraction, exponent - bias);
}

template <typename Decode>
std::array<float, 256> table_of(Decode decode_one) {
  std::array<float, 256> table{};
  for (int i = 0; i < 256; ++i) table[static_cast<std::size_t>(i)] = decode_one(i);
  return table;
}

const std::array<float, 256>& e4m3_table() {
  static const auto table =
      table_of([](int i) { return from_f8(static_cast<std::uint8_t>(i), 3, 7, true); });
  return table;
}
const std::array<float, 256>& e5m2_table() {
  static const auto table =
      table_of([](int i) { return from_f8(static_cast<std::uint8_t>(i), 2, 15, false); });
  return table;
}

template <typename Stored>
Stored stored_at(const unsigned char* in, std::size_t i) {
  Stored value;
  std::memcpy(&value, in + i * sizeof(Stored), sizeof(Stored));
  return value;
}

template <typename Stored>
void decode_number(const unsigned char* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(stored_at<Stored>(in, i));
}

// Both directions move the exponent by arithmetic on floats instead of by branches, so that the
// compiler can do several at once (M. Dukhan's method).
inline float widen_f16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  const std::uint32_t sign = wide & 0x8000'0000u;
  const std::uint32_t doubled = wide + wide;
  const float normal = std::bit_cast<float>((doubled >> 4) + (0xe0u << 23)) * 0x1.0p-112f;
  const float subnormal = std::bit_cast<float>((doubled >> 17) | (126u << 23)) - 0.5f;
  return std::bit_cast<float>(
      sign | std::bit_cast<std::uint32_t>(doubled < (1u << 27) ? subnormal : normal));
}

inline std::uint16_t narrow_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t doubled = bits + bits;
  const std::uint32_t bias = std::max(doubled & 0xff00'0000u, 0x7100'0000u);
  const float scaled = (std::fabs(value) * 0x1.0p+112f) * 0x1.0p-110f;
  const float rounded = std::bit_cast<float>((bias >> 1) + 0x0780'0000u) + scaled;
  const auto result = std::bit_cast<std::uint32_t>(rounded);
  const std::uint32_t magnitude = ((result >> 13) & 0x7c00u) + (result & 0x0fffu);
  return static_cast<std::uint16_t>(((bits >> 16) & 0x8000u) |
                                    (doubled > 0xff00'0000u ? 0x7e00u : magnitude));
}

inline float widen_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t narrow_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;  // NaN stays NaN
  return static_cast<std::uint16_t>((bits & 0x7fff'ffffu) > 0x7f80'0000u ? quiet : rounded);
}

#if defined(XC_HAS_F16C)
// Processors with F16C have an instruction each way: the same bits, but for which NaN a NaN
// becomes. Whole groups of eight; how many numbers were done.
const bool kF16c = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");

__attribute__((target("avx,f16c"))) std::size_t widen_eights(const unsigned char* in,
                                                             std::size_t count, float* out) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i * 2));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
  }
  return i;
}
__attribute__((target("avx,f16c"))) std::size_t narrow_eights(const float* in, std::size_t count,
                                                              unsigned char* out) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 2), half);
  }
  return i;
}
#else
constexpr bool kF16c = false;
std::size_t widen_eights(const unsigned char*, std::size_t, float*) { return 0; }
std::size_t narrow_eights(const float*, std::size_t, unsigned char*) { return 0; }
#endif

XC_FOR_EACH_PROCESSOR void decode_f16(const unsigned char* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = widen_f16(stored_at<std::uint16_t>(in, i));
}
XC_FOR_EACH_PROCESSOR void decode_bf16(const unsigned char* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = widen_bf16(stored_at<std::uint16_t>(in, i));
}
XC_FOR_EACH_PROCESSOR void encode_f16(const float* in, std::size_t count, unsigned char* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits = narrow_f16(in[i]);
    std::memcpy(out + i * 2, &bits, 2);
  }
}
XC_FOR_EACH_PROCESSOR void encode_bf16(const float* in, std::size_t count, unsigned char* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits = narrow_bf16(in[i]);
    std::memcpy(out + i * 2, &bits, 2);
  }
}

// Magnitudes compare as their bits do, and NaN is above all: an integer maximum, which can be
// computed in any order.
inline std::uint32_t magnitude_bits(const float* values, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7fff'ffffu);
  }
  return largest;
}
XC_FOR_EACH_PROCESSOR std::uint32_t largest_bits(const float* values, std::size_t count) {
  return magnitude_bits(values, count);
}
XC_FOR_EACH_PROCESSOR std::uint32_t largest_bits_16(const unsigned char* in, std::size_t count) {
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = static_cast<std::uint16_t>(stored_at<std::uint16_t>(in, i) & 0x7fffu);
    largest = std::max(largest, bits);
  }
  return largest;
}

// As std::round does, halves away from zero, for |value| < 2^22: the largest float below a half
// keeps what is just below one from being lifted over it.
inline std::int8_t rounded(float value) {
  return static_cast<std::int8_t>(
      static_cast<std::int32_t>(value + std::copysign(0x1.fffffep-2f, value)));
}

// ggml's Q8_0: one scale of 16 bits, then 32 signed bytes; the largest magnitude becomes 127.
XC_FOR_EACH_PROCESSOR void encode_q8(const float* in, std::size_t blocks, unsigned char* out) {
  for (std::size_t b = 0; b < blocks; ++b, in += kQ8Block, out += 2 + kQ8Block) {
    const float largest = std::bit_cast<float>(magnitude_bits(in, kQ8Block));
    const float scale = largest / 127.0f;
    const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    const std::uint16_t stored = narrow_f16(scale);
    std::memcpy(out, &stored, sizeof stored);
    for (std::size_t i = 0; i < kQ8Block; ++i) {
      out[2 + i] = static_cast<unsigned char>(rounded(in[i] * inverse));
    }
  }
}

}  // namespace

std::optional<Dtype> dtype_of(std::string_view name) {
  for (const DtypeFacts& facts : kDtypes) {
    if (facts.name == name) return facts.type;
  }
  return std::nullopt;
}
std::string_view name_of(Dtype type) { return kDtypes[static_cast<std::size_t>(type)].name; }
std::size_t bytes_of(Dtype type) { return kDtypes[static_cast<std::size_t>(type)].bytes; }

float from_f16(std::uint16_t bits) { return widen_f16(bits); }
std::uint16_t to_f16(float value) { return narrow_f16(value); }
float from_bf16(std::uint16_t bits) { return widen_bf16(bits); }
std::uint16_t to_bf16(float value) { return narrow_bf16(value); }

float largest_magnitude(const float* values, std::size_t count) {
  return std::bit_cast<float>(largest_bits(values, count));
}

bool all_finite(OutputType type, const unsigned char* stored, std::size_t count) {
  switch (type) {
    case OutputType::F16:
      return largest_bits_16(stored, count) < 0x7c00u;
    case OutputType::BF16:
      return largest_bits_16(stored, count) < 0x7f80u;
    case OutputType::F32: {
      std::uint32_t largest = 0;
      for (std::size_t i = 0; i < count; ++i) {
        largest = std::max(largest, stored_at<std::uint32_t>(stored, i) & 0x7fff'ffffu);
      }
      return largest < 0x7f80'0000u;
    }
    case OutputType::Q8_0:
      return true;  // holds no floats but its scales
  }
  return false;
}

float from_f8_e4m3(std::uint8_t bits) { return e4m3_table()[bits]; }
float from_f8_e5m2(std::uint8_t bits) { return e5m2_table()[bits]; }

void decode(Dtype type, const unsigned char* in, std::size_t count, float* out) {
  std::size_t done = 0;
  switch (type) {
    case Dtype::F64:
      return decode_number<double>(in, count, out);
    case Dtype::F32:
      std::memcpy(out, in, count * sizeof(float));
      return;
    case Dtype::F16:
      if (kF16c) done = widen_eights(in, count, out);
      return decode_f16(in + done * 2, count - done, out + done);
    case Dtype::BF16:
      return decode_bf16(in, count, out);
    case Dtype::F8E4M3:
    case Dtype::F8E5M2: {
      const auto& table = type == Dtype::F8E4M3 ? e4m3_table() : e5m2_table();
      for (std::size_t i = 0; i < count; ++i) out[i] = table[in[i]];
      return;
    }
    case Dtype::I64:
      return decode_number<std::int64_t>(in, count, out);
    case Dtype::I32:
      return decode_number<std::int32_t>(in, count, out);
    case Dtype::I16:
      return decode_number<std::int16_t>(in, count, out);
    case Dtype::I8:
      return decode_number<std::int8_t>(in, count, out);
    case Dtype::U8:
    case Dtype::Bool:
      return decode_number<std::uint8_t>(in, count, out);
  }
}

std::optional<OutputType> output_type_of(std::string_view name) {
  if (name == "f32") return OutputType::F32;
  if (name == "f16") return OutputType::F16;
  if (name == "bf16") return OutputType::BF16;
  if (name == "q8_0") return OutputType::Q8_0;
  return std::nullopt;
}

std::size_t encoded_bytes(OutputType type, std::size_t count) {
  switch (type) {
    case OutputType::F32:
      return count * 4;
    case OutputType::F16:
    case OutputType::BF16:
      return count * 2;
    case OutputType::Q8_0:
      return count / kQ8Block * (2 + kQ8Block);
  }
  return 0;
}

void encode(OutputType type, const float* in, std::size_t count, unsigned char* out) {
  std::size_t done = 0;
  switch (type) {
    case OutputType::F32:
      std::memcpy(out, in, count * sizeof(float));
      return;
    case OutputType::F16:
      if (kF16c) done = narrow_eights(in, count, out);
      return encode_f16(in + done, count - done, out + done * 2);
    case OutputType::BF16:
      return encode_bf16(in, count, out);
    case OutputType::Q8_0:
      return encode_q8(in, count / kQ8Block, out);
  }
}

}  // namespace xc::convert
