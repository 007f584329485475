// The cells of a block as attention reads them: halves in the cache, or once for many queries in
// single precision. For x86 with AVX2.
#pragma once

#include <algorithm>

#include "engine/llama/kernels/attention.h"
#include "engine/llama/kernels/simd.h"

namespace xc::kernels {

// K or V of one KV head: `cell` bytes from one cell to the next.
struct HalfValues {
  const char* values;
  std::size_t cell;
};

// The same cells of a block, as they lie in the cache.
struct HalfBlock {
  HalfValues from;
  const std::int32_t* cells;

  const std::uint16_t* of(std::int64_t c) const {
    return reinterpret_cast<const std::uint16_t*>(from.values +
                                                  static_cast<std::size_t>(cells[c]) * from.cell);
  }
  static Lanes read(const std::uint16_t* at) { return load_half(at); }
};

// The same in single precision, one after the other.
struct WideBlock {
  const float* values;
  std::int64_t size;  // of a cell

  const float* of(std::int64_t c) const { return values + c * size; }
  static Lanes read(const float* at) { return load(at); }
};

inline WideBlock widened(const HalfBlock& block, std::int64_t count, std::int64_t size, float* to) {
  for (std::int64_t c = 0; c < count; ++c) {
    const std::uint16_t* half = block.of(c);
    for (std::int64_t i = 0; i < size; i += kLanes) store(to + c * size + i, load_half(half + i));
  }
  return {to, size};
}

// Asks for the K and V of cells that are read next, some at a time, while others are computed.
class Ahead {
 public:
  Ahead(const Attention& a, HalfBlock k, HalfBlock v, std::int64_t count)
      : k_(k), v_(v), k_bytes_(a.dk * 2), v_bytes_(a.dv * 2), count_(count) {}

  void some(std::int64_t cells) {
    for (const std::int64_t end = std::min(at_ + cells, count_); at_ < end; ++at_) {
      fetch(k_.of(at_), k_bytes_);
      fetch(v_.of(at_), v_bytes_);
    }
  }

 private:
  static void fetch(const std::uint16_t* at, std::int64_t bytes) {
    const auto* line = reinterpret_cast<const char*>(at);
    for (std::int64_t i = 0; i < bytes; i += 64) _mm_prefetch(line + i, _MM_HINT_T1);
  }

  HalfBlock k_, v_;
  std::int64_t k_bytes_, v_bytes_, count_;
  std::int64_t at_ = 0;
};

}  // namespace xc::kernels
