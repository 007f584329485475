#include "engine/llama/kernels/attention.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/llama/kernels/buffer.h"
#include "engine/llama/kernels/simd.h"

namespace xc::kernels {
namespace {

constexpr std::int64_t kBlock = 64;  // cells between two looks at the maximum
constexpr std::int64_t kSegment = 64;
constexpr int kVectors = kSegment / kLanes;  // of a segment
constexpr int kHeadsMax = 4;                 // at once: their sums stay in registers
constexpr float kHidden = -std::numeric_limits<float>::infinity();

// What a row sees: cells in the order of the cache, and what the mask adds.
thread_local Buffer<std::int32_t> seen_cells;
thread_local Buffer<float> seen_adds;

float half_to_float(std::uint16_t half) { return _cvtsh_ss(half); }

std::int64_t list_visible(const std::uint16_t* mask, std::int64_t cells) {
  std::int32_t* list = seen_cells.of(static_cast<std::size_t>(cells));
  float* adds = seen_adds.of(static_cast<std::size_t>(cells));
  std::int64_t count = 0;
  const __m128i hidden = _mm_set1_epi16(static_cast<short>(0xFC00));
  std::int64_t cell = 0;
  for (; cell + 8 <= cells; cell += 8) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + cell));
    // Two bits a cell.
    unsigned visible =
        ~static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi16(eight, hidden))) & 0x5555u;
    for (; visible != 0; visible &= visible - 1) {
      const std::int64_t at = cell + __builtin_ctz(visible) / 2;
      list[count] = static_cast<std::int32_t>(at);
      adds[count++] = half_to_float(mask[at]);
    }
  }
  for (; cell < cells; ++cell) {
    if (mask[cell] == 0xFC00) continue;
    list[count] = static_cast<std::int32_t>(cell);
    adds[count++] = half_to_float(mask[cell]);
  }
  return count;
}

std::int64_t list_all(std::int64_t cells) {
  std::int32_t* list = seen_cells.of(static_cast<std::size_t>(cells));
  float* adds = seen_adds.of(static_cast<std::size_t>(cells));
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    list[cell] = static_cast<std::int32_t>(cell);
    adds[cell] = 0;
  }
  return cells;
}

// A few heads of one row that share a KV head.
template <int kHeads>
class Heads {
 public:
  Heads(const Attention& a, std::int64_t row, std::int64_t head) : a_(a) {
    for (int h = 0; h < kHeads; ++h) {
      q_[h] = reinterpret_cast<const float*>(a.q + row * a.q_row + (head + h) * a.q_head);
      out_[h] = a.out + (row * a.heads + head + h) * a.dv;
      std::fill_n(out_[h], a.dv, 0.0f);
      most_[h] = kHidden;
      sum_[h] = 0;
    }
    const std::int64_t kv_head = head / (a.heads / a.kv_heads);
    k_ = a.k + kv_head * a.k_head;
    v_ = a.v + kv_head * a.v_head;
  }

  // cells: at most kBlock.
  void add(const std::int32_t* cells, const float* adds, std::int64_t count) {
    for (std::int64_t at = 0; at < count; at += kLanes) score(cells, at, count);
    weigh(adds, count);
    for (std::int64_t from = 0; from < a_.dv; from += kSegment) gather(cells, count, from);
  }
  void finish() {
    for (int h = 0; h < kHeads; ++h) {
      const float factor = sum_[h] == 0 ? 0 : 1 / sum_[h];
      for (std::int64_t d = 0; d < a_.dv; ++d) out_[h][d] *= factor;
    }
  }

 private:
  // Scores of kLanes cells; those beyond the last are the last once more.
  void score(const std::int32_t* cells, std::int64_t at, std::int64_t count) {
    Lanes dots[kHeads][kLanes];
    for (int c = 0; c < kLanes; ++c) {
      const std::int64_t cell = cells[std::min(at + c, count - 1)];
      const auto* k = reinterpret_cast<const std::uint16_t*>(k_ + cell * a_.k_cell);
      for (std::int64_t from = 0; from < a_.dk; from += kSegment) {
        Lanes segment[kVectors];
        for (int i = 0; i < kVectors; ++i) segment[i] = load_half(k + from + i * kLanes);
        for (int h = 0; h < kHeads; ++h) {
          Lanes dot = from == 0 ? zeros() : dots[h][c];
          for (int i = 0; i < kVectors; ++i) {
            dot = times_plus(segment[i], load(q_[h] + from + i * kLanes), dot);
          }
          dots[h][c] = dot;
        }
      }
    }
    for (int h = 0; h < kHeads; ++h) store(weights_[h] + at, sums_of(dots[h]));
  }

  // Scores become weights; what was gathered so far is scaled to the new maximum.
  void weigh(const float* adds, std::int64_t count) {
    for (int h = 0; h < kHeads; ++h) {
      float* w = weights_[h];
      float most = most_[h];
      for (std::int64_t c = 0; c < count; ++c) {
        w[c] = w[c] * a_.scale + adds[c];
        most = std::max(most, w[c]);
      }
      const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
      for (std::int64_t c = count; c < padded; ++c) w[c] = kHidden;
      fade_[h] = most_[h] == kHidden ? 0 : std::exp(most_[h] - most);
      most_[h] = most;
      for (std::int64_t c = 0; c < padded; c += kLanes) {
        store(w + c, exp_of_negative(minus(load(w + c), all(most))));
      }
      float sum = 0;
      for (std::int64_t c = 0; c < count; ++c) sum += w[c];
      sum_[h] = sum_[h] * fade_[h] + sum;
    }
  }

  // Adds the weighted V of the cells to values [from, from + kSegment).
  void gather(const std::int32_t* cells, std::int64_t count, std::int64_t from) {
    Lanes sums[kHeads][kVectors];
    for (int h = 0; h < kHeads; ++h) {
      for (int i = 0; i < kVectors; ++i) {
        sums[h][i] = times(load(out_[h] + from + i * kLanes), all(fade_[h]));
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      const auto* v = reinterpret_cast<const std::uint16_t*>(v_ + cells[c] * a_.v_cell) + from;
      for (int i = 0; i < kVectors; ++i) {
        const Lanes value = load_half(v + i * kLanes);
        for (int h = 0; h < kHeads; ++h) {
          sums[h][i] = times_plus(value, all(weights_[h][c]), sums[h][i]);
        }
      }
    }
    for (int h = 0; h < kHeads; ++h) {
      for (int i = 0; i < kVectors; ++i) store(out_[h] + from + i * kLanes, sums[h][i]);
    }
  }

  const Attention& a_;
  const float* q_[kHeads];
  float* out_[kHeads];
  const char* k_;
  const char* v_;
  float most_[kHeads];
  float sum_[kHeads];
  float fade_[kHeads];
  alignas(64) float weights_[kHeads][kBlock];
};

template <int kHeads>
void attend(const Attention& a, std::int64_t row, std::int64_t head, std::int64_t visible) {
  const std::int32_t* cells = seen_cells.of(0);
  const float* adds = seen_adds.of(0);
  Heads<kHeads> heads(a, row, head);
  for (std::int64_t at = 0; at < visible; at += kBlock) {
    heads.add(cells + at, adds + at, std::min(kBlock, visible - at));
  }
  heads.finish();
}

}  // namespace

bool attention_available() { return true; }

AttentionRunner::AttentionRunner(const Attention& attention, int threads)
    : attention_(attention), heads_of_job_(attention.heads / attention.kv_heads) {
  if (attention.rows * attention.kv_heads < threads) heads_of_job_ = 1;
  jobs_of_row_ = attention.heads / heads_of_job_;
}

void AttentionRunner::run(std::int64_t job) {
  const Attention& a = attention_;
  const std::int64_t row = job / jobs_of_row_;
  if (row != row_) {
    visible_ = a.mask == nullptr
                   ? list_all(a.cells)
                   : list_visible(reinterpret_cast<const std::uint16_t*>(a.mask + row * a.mask_row),
                                  a.cells);
    row_ = row;
  }
  std::int64_t head = job % jobs_of_row_ * heads_of_job_;
  const std::int64_t end = head + heads_of_job_;
  if (visible_ <= kFewCells) {
    for (; head < end; ++head) {
      attend_few(a, row, head, seen_cells.of(0), seen_adds.of(0), visible_);
    }
    return;
  }
  for (; head + kHeadsMax <= end; head += kHeadsMax) attend<kHeadsMax>(a, row, head, visible_);
  switch (end - head) {
    case 3:
      return attend<3>(a, row, head, visible_);
    case 2:
      return attend<2>(a, row, head, visible_);
    case 1:
      return attend<1>(a, row, head, visible_);
    default:
      return;
  }
}

}  // namespace xc::kernels

#else

namespace xc::kernels {

bool attention_available() { return false; }
AttentionRunner::AttentionRunner(const Attention& attention, int)
    : attention_(attention), heads_of_job_(1), jobs_of_row_(0) {}
void AttentionRunner::run(std::int64_t) {}

}  // namespace xc::kernels

#endif
