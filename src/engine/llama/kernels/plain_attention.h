// The attention of attention.h in plain C++ and in the order of attention_block.h with eight lanes
// (AVX2): what tests compare the kernel with, bit by bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/llama/kernels/attention.h"
#include "engine/llama/kernels/plain_product.h"

namespace xc::kernels {

struct PlainCell {
  std::int64_t cell;
  float add;  // to its score
};

inline std::vector<PlainCell> plain_cells(const Attention& a, std::int64_t row) {
  std::vector<PlainCell> seen;
  for (std::int64_t c = 0; c < a.cells; ++c) {
    const char* mask = a.mask + static_cast<std::size_t>(row) * a.mask_row + 2 * c;
    const float add = a.mask == nullptr ? 0 : half_at(mask);
    if (add != -std::numeric_limits<float>::infinity()) seen.push_back({c, add});
  }
  if (a.positions == nullptr) return seen;
  std::stable_sort(seen.begin(), seen.end(), [&a](const PlainCell& x, const PlainCell& y) {
    return a.positions[x.cell] < a.positions[y.cell];
  });
  return seen;
}

// Eight partial sums, added in a tree.
inline float plain_score(const float* q, const char* k, std::int64_t dk) {
  float lanes[8] = {};
  for (std::int64_t i = 0; i < dk; ++i) {
    float& lane = lanes[i % 8];
    lane = std::fma(half_at(k + 2 * i), q[i], lane);
  }
  const auto half = [](const float* four) { return (four[0] + four[2]) + (four[1] + four[3]); };
  return half(lanes) + half(lanes + 4);
}

// exp_of_negative of simd.h.
inline float plain_exp(float x) {
  const float bounded = std::max(x, -87.0f);
  const float n = std::nearbyint(bounded * 1.44269504f);
  const float r = std::fma(-n, 1.42860677e-6f, std::fma(-n, 0.693145752f, bounded));
  float power = 1.0f / 720;
  for (const float factor : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
    power = std::fma(power, r, factor);
  }
  return std::ldexp(power, static_cast<int>(n));
}

// One head of a row, 64 cells at a time.
inline void attend_plainly(const Attention& a, std::int64_t row, std::int64_t head) {
  constexpr std::size_t kCells = 64;
  const std::vector<PlainCell> seen = plain_cells(a, row);
  const auto kv_head = static_cast<std::size_t>(head / (a.heads / a.kv_heads));
  const char* q_bytes =
      a.q + static_cast<std::size_t>(row) * a.q_row + static_cast<std::size_t>(head) * a.q_head;
  const auto* q = reinterpret_cast<const float*>(q_bytes);
  float* out = a.out + (row * a.heads + head) * a.dv;
  std::fill_n(out, a.dv, 0.0f);
  float most = -std::numeric_limits<float>::infinity();
  float sum = 0;
  for (std::size_t from = 0; from < seen.size(); from += kCells) {
    const std::size_t to = std::min(from + kCells, seen.size());
    std::vector<float> weights;
    float best = most;
    for (std::size_t at = from; at < to; ++at) {
      const char* k = a.k + static_cast<std::size_t>(seen[at].cell) * a.k_cell + kv_head * a.k_head;
      weights.push_back(std::fma(plain_score(q, k, a.dk), a.scale, seen[at].add));
      best = std::max(best, weights.back());
    }
    const float fade = best == most ? 1 : std::isinf(most) ? 0 : std::exp(most - best);
    most = best;
    float total = 0;
    for (float& weight : weights) total += weight = plain_exp(weight - most);
    sum = std::fma(sum, fade, total);
    for (std::int64_t d = 0; d < a.dv; ++d) {
      out[d] *= fade;
      for (std::size_t at = from; at < to; ++at) {
        const char* v =
            a.v + static_cast<std::size_t>(seen[at].cell) * a.v_cell + kv_head * a.v_head + 2 * d;
        out[d] = std::fma(half_at(v), weights[at - from], out[d]);
      }
    }
  }
  const float factor = sum == 0 ? 0 : 1 / sum;
  for (std::int64_t d = 0; d < a.dv; ++d) out[d] *= factor;
}

}  // namespace xc::kernels
