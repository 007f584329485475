// Numbers as checkpoints and GGUF files store them. Pure; thread-safe. Little-endian machines only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace xc::convert {

// The element types of safetensors that hold weights.
enum class Dtype : std::uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8E4M3,
  F8E5M2,
  I64,
  I32,
  I16,
  I8,
  U8,
  Bool
};

std::optional<Dtype> dtype_of(std::string_view name);  // "BF16", "F8_E4M3" …
std::string_view name_of(Dtype type);
std::size_t bytes_of(Dtype type);

float from_f16(std::uint16_t bits);
float from_bf16(std::uint16_t bits);
float from_f8_e4m3(std::uint8_t bits);  // the "fn" variant: no infinities, 0x7f and 0xff are NaN
float from_f8_e5m2(std::uint8_t bits);
std::uint16_t to_f16(float value);  // nearest, ties to even; beyond 65504 infinity
std::uint16_t to_bf16(float value);

// `count` elements from `in`, which need not be aligned.
void decode(Dtype type, const unsigned char* in, std::size_t count, float* out);

// What this room writes itself; the numbers are ggml_type's. K-quants are the plug-in's work.
enum class OutputType : std::uint32_t { F32 = 0, F16 = 1, Q8_0 = 8, BF16 = 30 };

inline constexpr std::size_t kQ8Block = 32;  // elements that share a scale
inline constexpr float kF16Max = 65504.0f;

std::optional<OutputType> output_type_of(std::string_view name);  // "f32", "f16", "bf16", "q8_0"
// The largest |value|; NaN when there is one. 0 for none.
float largest_magnitude(const float* values, std::size_t count);
// Whether none of `count` stored floats (F32, F16 or BF16) is infinite or NaN.
bool all_finite(OutputType type, const unsigned char* stored, std::size_t count);

// Bytes of a row of `count` elements; `count` is a whole number of blocks.
std::size_t encoded_bytes(OutputType type, std::size_t count);
void encode(OutputType type, const float* in, std::size_t count, unsigned char* out);

}  // namespace xc::convert
