#include "engine/llama/kernels/attention.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/llama/kernels/buffer.h"
#include "engine/llama/kernels/simd.h"
#include "engine/llama/kernels/visible_cells.h"

namespace xc::kernels {
namespace {

constexpr std::int64_t kBlock = 64;  // cells between two looks at the maximum
constexpr std::int64_t kSegment = 64;
constexpr int kVectors = kSegment / kLanes;  // of a segment
constexpr int kAtOnce = 4;                   // queries
// Vectors of V gathered at once: the sums of all queries stay in registers, 8 of 16 or 16 of 32.
constexpr int kGathered = kLanes / kAtOnce;
constexpr std::int64_t kManyRows = 16;  // from here on rows go by tiles
constexpr std::int64_t kTileRows = 8;
constexpr float kHidden = -std::numeric_limits<float>::infinity();

thread_local Seen seen_by_last;  // of the tile
thread_local Seen seen_by_one;

// One head of one row, and how far it is.
struct Query {
  const float* q;
  float* out;  // gathered so far, not yet divided by `sum`
  float most = kHidden;
  float sum = 0;
};

struct KvHead {
  const char* k;
  const char* v;
};

// A block of cells for a few queries that share a KV head. What becomes of a query does not depend
// on the others.
template <int kQueries>
class Block {
 public:
  Block(const Attention& a, KvHead kv, Query* queries) : a_(a), kv_(kv), queries_(queries) {}

  // cells: at most kBlock.
  void add(const std::int32_t* cells, const float* adds, std::int64_t count) {
    for (std::int64_t at = 0; at < count; at += kLanes) score(cells, at, count);
    weigh(adds, count);
    for (std::int64_t at = 0; at < a_.dv; at += kGathered * kLanes) gather(cells, count, at);
  }

 private:
  // Scores of kLanes cells; those beyond the last are the last once more.
  void score(const std::int32_t* cells, std::int64_t at, std::int64_t count) {
    Lanes dots[kQueries][kLanes];
    for (int c = 0; c < kLanes; ++c) {
      const std::int64_t cell = cells[std::min(at + c, count - 1)];
      const auto* k = reinterpret_cast<const std::uint16_t*>(kv_.k + cell * a_.k_cell);
      Lanes dot[kQueries];
      for (int n = 0; n < kQueries; ++n) dot[n] = zeros();
      for (std::int64_t from = 0; from < a_.dk; from += kSegment) {
        for (int i = 0; i < kVectors; ++i) {
          const std::int64_t at_value = from + i * kLanes;
          const Lanes key = load_half(k + at_value);
          for (int n = 0; n < kQueries; ++n) {
            dot[n] = times_plus(key, load(queries_[n].q + at_value), dot[n]);
          }
        }
      }
      for (int n = 0; n < kQueries; ++n) dots[n][c] = dot[n];
    }
    for (int n = 0; n < kQueries; ++n) store(weights_[n] + at, sums_of(dots[n]));
  }

  // Scores become weights; what was gathered so far is scaled to the new maximum.
  void weigh(const float* adds, std::int64_t count) {
    const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
    for (int n = 0; n < kQueries; ++n) {
      float* w = weights_[n];
      Query& query = queries_[n];
      const float most = scale(w, adds, count, query.most);
      for (std::int64_t c = count; c < padded; ++c) w[c] = kHidden;
      fade_[n] = query.most == kHidden ? 0 : std::exp(query.most - most);
      query.most = most;
      for (std::int64_t c = 0; c < padded; c += kLanes) {
        store(w + c, exp_of_negative(minus(load(w + c), all(most))));
      }
    }
    // One cell after the other: what a row sums up must not depend on vectors. The queries' sums
    // run beside each other.
    float sums[kQueries] = {};
    for (std::int64_t c = 0; c < count; ++c) {
      for (int n = 0; n < kQueries; ++n) sums[n] += weights_[n][c];
    }
    for (int n = 0; n < kQueries; ++n) queries_[n].sum = queries_[n].sum * fade_[n] + sums[n];
  }

  // Scales the scores and adds what the mask says. Returns the largest of them and `most`.
  float scale(float* w, const float* adds, std::int64_t count, float most) const {
    const std::int64_t whole = count / kLanes * kLanes;
    Lanes best = all(most);
    for (std::int64_t c = 0; c < whole; c += kLanes) {
      const Lanes scaled = times_plus(load(w + c), all(a_.scale), load(adds + c));
      store(w + c, scaled);
      best = greater(best, scaled);
    }
    alignas(64) float bests[kLanes];
    store(bests, best);
    most = *std::max_element(bests, bests + kLanes);
    for (std::int64_t c = whole; c < count; ++c) {
      w[c] = std::fma(w[c], a_.scale, adds[c]);
      most = std::max(most, w[c]);
    }
    return most;
  }

  // Adds the weighted V of the cells to kGathered vectors from `from` on.
  void gather(const std::int32_t* cells, std::int64_t count, std::int64_t from) {
    Lanes sums[kQueries][kGathered];
    for (int n = 0; n < kQueries; ++n) {
      for (int i = 0; i < kGathered; ++i) {
        sums[n][i] = times(load(queries_[n].out + from + i * kLanes), all(fade_[n]));
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      const auto* v = reinterpret_cast<const std::uint16_t*>(kv_.v + cells[c] * a_.v_cell) + from;
      Lanes values[kGathered];
      for (int i = 0; i < kGathered; ++i) values[i] = load_half(v + i * kLanes);
      for (int n = 0; n < kQueries; ++n) {
        const Lanes weight = all(weights_[n][c]);
        for (int i = 0; i < kGathered; ++i) {
          sums[n][i] = times_plus(values[i], weight, sums[n][i]);
        }
      }
    }
    for (int n = 0; n < kQueries; ++n) {
      for (int i = 0; i < kGathered; ++i) store(queries_[n].out + from + i * kLanes, sums[n][i]);
    }
  }

  const Attention& a_;
  KvHead kv_;
  Query* queries_;
  float fade_[kQueries];
  alignas(64) float weights_[kQueries][kBlock];
};

// Cells [from, to) of the list for these queries, block by block.
void attend(const Attention& a, KvHead kv, Query* queries, std::int64_t count, const Seen& seen,
            std::int64_t from, std::int64_t to) {
  const std::int32_t* cells = seen.cells.get();
  const float* adds = seen.adds.get();
  for (; from < to; from += kBlock) {
    const std::int64_t size = std::min(kBlock, to - from);
    std::int64_t n = 0;
    for (; n + kAtOnce <= count; n += kAtOnce) {
      Block<kAtOnce>(a, kv, queries + n).add(cells + from, adds + from, size);
    }
    if (count - n == 3) Block<3>(a, kv, queries + n).add(cells + from, adds + from, size);
    if (count - n == 2) Block<2>(a, kv, queries + n).add(cells + from, adds + from, size);
    if (count - n == 1) Block<1>(a, kv, queries + n).add(cells + from, adds + from, size);
  }
}

void finish(const Attention& a, Query* queries, std::int64_t count) {
  for (std::int64_t n = 0; n < count; ++n) {
    const float factor = queries[n].sum == 0 ? 0 : 1 / queries[n].sum;
    for (std::int64_t d = 0; d < a.dv; ++d) queries[n].out[d] *= factor;
  }
}

void list_seen(const Attention& a, std::int64_t row, Seen& seen) {
  if (a.mask == nullptr) return list_all(a.cells, seen);
  list_visible(reinterpret_cast<const std::uint16_t*>(a.mask + row * a.mask_row), a.cells, seen);
  if (a.positions != nullptr) order_by_position(a.positions, seen);
}

}  // namespace

bool attention_available() { return true; }

AttentionRunner::AttentionRunner(const Attention& attention, int threads)
    : attention_(attention),
      rows_of_job_(attention.rows >= kManyRows ? kTileRows : 1),
      heads_of_job_(attention.heads / attention.kv_heads) {
  const std::int64_t tiles = (attention.rows + rows_of_job_ - 1) / rows_of_job_;
  if (tiles * attention.kv_heads < threads) heads_of_job_ = 1;
  jobs_of_tile_ = attention.heads / heads_of_job_;
  jobs_ = tiles * jobs_of_tile_;
}

// Rows of one prompt see the same cells, the later ones some more: they read whole blocks together,
// then each goes on alone.
void AttentionRunner::run(std::int64_t job) {
  const Attention& a = attention_;
  const std::int64_t first = job / jobs_of_tile_ * rows_of_job_;
  const std::int64_t last = std::min(first + rows_of_job_, a.rows) - 1;
  if (first != first_) list_seen(a, last, seen_by_last);
  first_ = first;
  const std::int64_t head = job % jobs_of_tile_ * heads_of_job_;
  const std::int64_t kv_head = head / (a.heads / a.kv_heads);
  const KvHead kv{a.k + kv_head * a.k_head, a.v + kv_head * a.v_head};

  thread_local Buffer<Query> buffer;
  Query* queries = buffer.of(static_cast<std::size_t>(kTileRows * heads_of_job_));
  std::int64_t counts[kTileRows];
  std::int64_t together = 0;  // rows
  std::int64_t whole = seen_by_last.count / kBlock * kBlock;
  for (std::int64_t row = first; row <= last; ++row) {
    Query* own = queries + together * heads_of_job_;
    for (std::int64_t h = 0; h < heads_of_job_; ++h) {
      const char* q = a.q + row * a.q_row + (head + h) * a.q_head;
      own[h] = {reinterpret_cast<const float*>(q), a.out + (row * a.heads + head + h) * a.dv};
      std::fill_n(own[h].out, a.dv, 0.0f);
    }
    Seen& seen = row == last ? seen_by_last : seen_by_one;
    if (row != last) list_seen(a, row, seen);
    if (seen.count <= kFewCells) {
      for (std::int64_t h = 0; h < heads_of_job_; ++h) {
        attend_few(a, row, head + h, seen.cells.get(), seen.adds.get(), seen.count);
      }
    } else if (seen.begins(seen_by_last)) {
      counts[together++] = seen.count;
      whole = std::min(whole, seen.count / kBlock * kBlock);
    } else {
      attend(a, kv, own, heads_of_job_, seen, 0, seen.count);
      finish(a, own, heads_of_job_);
    }
  }
  attend(a, kv, queries, together * heads_of_job_, seen_by_last, 0, whole);
  for (std::int64_t row = 0; row < together; ++row) {
    Query* own = queries + row * heads_of_job_;
    attend(a, kv, own, heads_of_job_, seen_by_last, whole, counts[row]);
    finish(a, own, heads_of_job_);
  }
}

}  // namespace xc::kernels

#else

namespace xc::kernels {

bool attention_available() { return false; }
AttentionRunner::AttentionRunner(const Attention& attention, int)
    : attention_(attention), rows_of_job_(1), heads_of_job_(1) {}
void AttentionRunner::run(std::int64_t) {}

}  // namespace xc::kernels

#endif
