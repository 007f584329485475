#include "engine/llama/kernels/attention.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <algorithm>

#include "engine/llama/kernels/attention_block.h"
#include "engine/llama/kernels/buffer.h"
#include "engine/llama/kernels/visible_cells.h"

namespace xc::kernels {
namespace {

constexpr std::int64_t kManyRows = 16;  // from here on rows go by tiles
constexpr std::int64_t kTileRowsMin = 8;
constexpr std::int64_t kTileRowsMax = 32;
constexpr std::int64_t kTileCost = 1;  // rows: what a tile costs beside its rows

// Products that were made for AVX2 (column_avx2.h) have bits of their own in any case.
constexpr bool kOwnOrder = kLanes == 8;
constexpr std::int64_t kAsGgml = kOwnOrder ? 0 : kFewCells;  // cells of a row, at most

const std::uint16_t* mask_of(const Attention& a, std::int64_t row) {
  return reinterpret_cast<const std::uint16_t*>(a.mask +
                                                static_cast<std::size_t>(row) * a.mask_row);
}

void list_seen(const Attention& a, std::int64_t row, Seen& seen) {
  if (a.mask == nullptr) return list_all(a.cells, seen);
  list_visible(mask_of(a, row), a.cells, a.positions, seen);
}

// Rows that follow each other and heads of one KV head. Rows of one prompt see the same cells, the
// later ones some more: they read whole blocks together, and each ends alone.
class Group {
 public:
  Group(const Attention& a, std::int64_t head, std::int64_t heads)
      : a_(a), head_(head), heads_(heads), block_(block_of(a, head)) {}

  // Rows before `end` as far as they see a beginning of what the last one sees, not before
  // `first`. Returns the first of them.
  std::int64_t run(std::int64_t first, std::int64_t end) {
    list_seen(a_, end - 1, seen_);
    std::int64_t row = end - 1;
    take(row, seen_.count);
    std::int64_t before = seen_.count;
    while (row > first) {
      const std::int64_t count =
          a_.mask == nullptr ? seen_.count
                             : leading(seen_, mask_of(a_, end - 1), mask_of(a_, row - 1), a_.cells);
      if (count < 0 || count > before) break;
      take(--row, count);
      before = count;
    }
    attend();
    return row;
  }

 private:
  static BlockOfCells block_of(const Attention& a, std::int64_t head) {
    const std::int64_t kv_head = head / (a.heads / a.kv_heads);
    return {a, {a.k + kv_head * a.k_head, a.k_cell}, {a.v + kv_head * a.v_head, a.v_cell}};
  }

  // A row that sees the first `count` cells of the list.
  void take(std::int64_t row, std::int64_t count) {
    Query* own = queries_ + rows_ * heads_;
    for (std::int64_t h = 0; h < heads_; ++h) {
      const char* q = a_.q + row * a_.q_row + (head_ + h) * a_.q_head;
      own[h] = {reinterpret_cast<const float*>(q), a_.out + (row * a_.heads + head_ + h) * a_.dv};
      std::fill_n(own[h].out, a_.dv, 0.0f);
      if constexpr (!kOwnOrder) {
        if (count > kAsGgml) continue;
        attend_few(a_, row, head_ + h, seen_.cells.get(), seen_.adds.get(), count);
      }
    }
    if (count > kAsGgml) counts_[rows_++] = count;
  }

  // Later rows come first in the list, so who ends in a block is at its end.
  void attend() {
    for (std::int64_t from = 0; rows_ > 0; from += kBlock) {
      for (; rows_ > 0 && counts_[rows_ - 1] < from + kBlock; --rows_) {
        Query* own = queries_ + (rows_ - 1) * heads_;
        add(own, heads_, from, counts_[rows_ - 1]);
        finish(own);
      }
      add(queries_, rows_ * heads_, from, from + kBlock);
    }
  }

  void add(Query* queries, std::int64_t count, std::int64_t from, std::int64_t to) {
    if (count == 0 || from == to) return;
    const std::int64_t next = std::min(kBlock, seen_.count - to);
    block_.add(queries, count, seen_.cells.get() + from, seen_.adds.get() + from, to - from, next);
  }

  void finish(Query* queries) const {
    for (std::int64_t h = 0; h < heads_; ++h) {
      const float factor = queries[h].sum == 0 ? 0 : 1 / queries[h].sum;
      for (std::int64_t d = 0; d < a_.dv; ++d) queries[h].out[d] *= factor;
    }
  }

  static thread_local Seen seen_;  // by the last row
  static thread_local Buffer<Query> room_;
  const Attention& a_;
  std::int64_t head_, heads_;
  BlockOfCells block_;
  Query* queries_ = room_.of(static_cast<std::size_t>(kTileRowsMax * heads_));
  std::int64_t counts_[kTileRowsMax];
  std::int64_t rows_ = 0;  // under way
};
thread_local Seen Group::seen_;
thread_local Buffer<Query> Group::room_;

// Of few large tiles, which read the cache less often, and many, which spread over the threads:
// where the busiest thread has least to do.
std::int64_t rows_of_tile(const Attention& a, int threads) {
  if (a.rows < kManyRows) return 1;
  std::int64_t best = kTileRowsMax, least = INT64_MAX;
  for (std::int64_t rows = kTileRowsMax; rows >= kTileRowsMin; --rows) {
    const std::int64_t jobs = (a.rows + rows - 1) / rows * a.kv_heads;
    const std::int64_t most = (jobs + threads - 1) / threads * (rows + kTileCost);
    if (most < least) best = rows;
    least = std::min(least, most);
  }
  return best;
}

}  // namespace

bool attention_available() { return true; }
bool attention_own_order() { return kOwnOrder; }

AttentionRunner::AttentionRunner(const Attention& attention, int threads)
    : attention_(attention),
      rows_of_job_(rows_of_tile(attention, threads)),
      heads_of_job_(attention.heads / attention.kv_heads) {
  const std::int64_t tiles = (attention.rows + rows_of_job_ - 1) / rows_of_job_;
  if (tiles * attention.kv_heads < threads) heads_of_job_ = 1;
  jobs_of_tile_ = attention.heads / heads_of_job_;
  jobs_ = tiles * jobs_of_tile_;
}

void AttentionRunner::run(std::int64_t job) {
  const std::int64_t first = job / jobs_of_tile_ * rows_of_job_;
  const std::int64_t head = job % jobs_of_tile_ * heads_of_job_;
  std::int64_t end = std::min(first + rows_of_job_, attention_.rows);
  while (end > first) end = Group(attention_, head, heads_of_job_).run(first, end);
}

}  // namespace xc::kernels

#else

namespace xc::kernels {

bool attention_available() { return false; }
bool attention_own_order() { return false; }
AttentionRunner::AttentionRunner(const Attention& attention, int)
    : attention_(attention), rows_of_job_(1), heads_of_job_(1) {}
void AttentionRunner::run(std::int64_t) {}

}  // namespace xc::kernels

#endif
