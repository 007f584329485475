// A block of cells for queries that share a KV head: scores, weights, weighted sums. For x86 with
// AVX2. What becomes of a query does not depend on the others, nor on how many there are.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/llama/kernels/attention_cells.h"
#include "engine/llama/kernels/buffer.h"
#include "engine/llama/kernels/simd.h"

namespace xc::kernels {

constexpr std::int64_t kBlock = 64;  // cells between two looks at the maximum
constexpr std::int64_t kSegment = 64;
constexpr int kVectors = kSegment / kLanes;  // of a segment
constexpr int kAtOnce = 4;                   // queries
constexpr int kCellsAtOnce = 2;              // scored: their sums fit the registers of AVX2
// Vectors of V gathered at once: the sums of all queries stay in registers, 8 of 16 or 16 of 32.
constexpr int kGathered = kLanes / kAtOnce;
constexpr float kHidden = -std::numeric_limits<float>::infinity();
// So many queries of one KV head are worth K and V in single precision once for all of them.
constexpr std::int64_t kWidenFrom = 2 * kAtOnce;

// One head of one row, and how far it is.
struct Query {
  const float* q;
  float* out;  // gathered so far, not yet divided by `sum`
  float most = kHidden;
  float sum = 0;
};

// The weights of a block's cells for one query.
struct alignas(64) Weights {
  float of[kBlock];
  float fade;  // of what was gathered before
};

// Scores of kLanes cells for kQueries; cells beyond the last are the last once more.
template <int kQueries, class Keys>
void score_lanes(const Query* queries, const Keys& keys, std::int64_t dk, std::int64_t at,
                 std::int64_t count, Weights* weights) {
  Lanes dots[kQueries][kLanes];
  for (int c = 0; c < kLanes; c += kCellsAtOnce) {
    decltype(keys.of(0)) key[kCellsAtOnce];
    Lanes dot[kCellsAtOnce][kQueries];
    for (int i = 0; i < kCellsAtOnce; ++i) {
      key[i] = keys.of(std::min(at + c + i, count - 1));
      for (int n = 0; n < kQueries; ++n) dot[i][n] = zeros();
    }
    for (std::int64_t from = 0; from < dk; from += kSegment) {
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t value = from + v * kLanes;
        Lanes part[kCellsAtOnce];
        for (int i = 0; i < kCellsAtOnce; ++i) part[i] = Keys::read(key[i] + value);
        for (int n = 0; n < kQueries; ++n) {
          const Lanes q = load(queries[n].q + value);
          for (int i = 0; i < kCellsAtOnce; ++i) dot[i][n] = times_plus(part[i], q, dot[i][n]);
        }
      }
    }
    for (int i = 0; i < kCellsAtOnce; ++i) {
      for (int n = 0; n < kQueries; ++n) dots[n][c + i] = dot[i][n];
    }
  }
  for (int n = 0; n < kQueries; ++n) store(weights[n].of + at, sums_of(dots[n]));
}

template <int kQueries, class Keys>
void score(const Query* queries, const Keys& keys, std::int64_t dk, std::int64_t count,
           Weights* weights) {
  for (std::int64_t at = 0; at < count; at += kLanes) {
    score_lanes<kQueries>(queries, keys, dk, at, count, weights);
  }
}

// Scales the scores and adds what the mask says. Returns the largest of them and `most`.
inline float scale(float* w, const float* adds, std::int64_t count, float factor, float most) {
  const std::int64_t whole = count / kLanes * kLanes;
  Lanes best = all(most);
  for (std::int64_t c = 0; c < whole; c += kLanes) {
    const Lanes scaled = times_plus(load(w + c), all(factor), load(adds + c));
    store(w + c, scaled);
    best = greater(best, scaled);
  }
  most = greatest_of(best);
  for (std::int64_t c = whole; c < count; ++c) {
    w[c] = std::fma(w[c], factor, adds[c]);
    most = std::max(most, w[c]);
  }
  return most;
}

// Scores become weights; what was gathered so far will be scaled to the new maximum.
inline void weigh(Query& query, const float* adds, std::int64_t count, float factor,
                  Weights& weights) {
  const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
  float* w = weights.of;
  const float most = scale(w, adds, count, factor, query.most);
  for (std::int64_t c = count; c < padded; ++c) w[c] = kHidden;
  weights.fade = most == query.most ? 1 : query.most == kHidden ? 0 : std::exp(query.most - most);
  query.most = most;
  for (std::int64_t c = 0; c < padded; c += kLanes) {
    store(w + c, exp_of_negative(minus(load(w + c), all(most))));
  }
}

// Adds the weighted V of the cells to kGathered vectors from `from` on; kSum: and the weights to
// the queries' sums, one cell after the other, for what a row sums up must not depend on vectors.
template <int kQueries, bool kSum, class Values>
void gather_part(Query* queries, const Values& values, std::int64_t count, std::int64_t from,
                 const Weights* weights) {
  Lanes sums[kQueries][kGathered];
  Lanes totals[kQueries];
  for (int n = 0; n < kQueries; ++n) {
    totals[n] = zeros();
    for (int i = 0; i < kGathered; ++i) {
      sums[n][i] = times(load(queries[n].out + from + i * kLanes), all(weights[n].fade));
    }
  }
  for (std::int64_t c = 0; c < count; ++c) {
    const auto* v = values.of(c) + from;
    Lanes read[kGathered];
    for (int i = 0; i < kGathered; ++i) read[i] = Values::read(v + i * kLanes);
    for (int n = 0; n < kQueries; ++n) {
      const Lanes weight = all(weights[n].of[c]);
      if constexpr (kSum) totals[n] = plus(totals[n], weight);
      for (int i = 0; i < kGathered; ++i) sums[n][i] = times_plus(read[i], weight, sums[n][i]);
    }
  }
  for (int n = 0; n < kQueries; ++n) {
    if constexpr (kSum) {
      queries[n].sum = std::fma(queries[n].sum, weights[n].fade, first_of(totals[n]));
    }
    for (int i = 0; i < kGathered; ++i) store(queries[n].out + from + i * kLanes, sums[n][i]);
  }
}

template <int kQueries, class Values>
void gather(Query* queries, const Values& values, std::int64_t dv, std::int64_t count,
            const Weights* weights) {
  gather_part<kQueries, true>(queries, values, count, 0, weights);
  for (std::int64_t from = kGathered * kLanes; from < dv; from += kGathered * kLanes) {
    gather_part<kQueries, false>(queries, values, count, from, weights);
  }
}

// Calls do_some with (integral constant of how many, index of the first), kAtOnce at a time.
template <class DoSome>
void by_groups(std::int64_t count, DoSome do_some) {
  std::int64_t n = 0;
  for (; n + kAtOnce <= count; n += kAtOnce) do_some(std::integral_constant<int, kAtOnce>(), n);
  if (count - n == 3) do_some(std::integral_constant<int, 3>(), n);
  if (count - n == 2) do_some(std::integral_constant<int, 2>(), n);
  if (count - n == 1) do_some(std::integral_constant<int, 1>(), n);
}

// Adds at most kBlock cells to the queries. adds: what the mask adds to each cell's score.
class BlockOfCells {
 public:
  BlockOfCells(const Attention& a, HalfValues k, HalfValues v) : a_(a), k_(k), v_(v) {}

  // next: of the cells that follow, those to be read soon.
  void add(Query* queries, std::int64_t count, const std::int32_t* cells, const float* adds,
           std::int64_t size, std::int64_t next = 0) {
    thread_local Buffer<Weights> room;
    Weights* weights = room.of(static_cast<std::size_t>(count));
    const HalfBlock keys{k_, cells};
    const HalfBlock values{v_, cells};
    Ahead ahead(a_, {k_, cells + size}, {v_, cells + size}, next);
    const std::int64_t a_group = next * kAtOnce / count + 1;
    const auto score_all = [&](const auto& block) {
      by_groups(count, [&](auto some, std::int64_t n) {
        ahead.some(a_group);
        score<some()>(queries + n, block, a_.dk, size, weights + n);
      });
    };
    const auto gather_all = [&](const auto& block) {
      by_groups(count, [&](auto some, std::int64_t n) {
        gather<some()>(queries + n, block, a_.dv, size, weights + n);
      });
    };
    thread_local Buffer<float> wide;
    const bool widen = count >= kWidenFrom;
    float* to =
        widen ? wide.of(static_cast<std::size_t>(kBlock * std::max(a_.dk, a_.dv))) : nullptr;
    widen ? score_all(widened(keys, size, a_.dk, to)) : score_all(keys);
    for (std::int64_t n = 0; n < count; ++n) weigh(queries[n], adds, size, a_.scale, weights[n]);
    widen ? gather_all(widened(values, size, a_.dv, to)) : gather_all(values);
  }

 private:
  const Attention& a_;
  HalfValues k_, v_;
};

}  // namespace xc::kernels
