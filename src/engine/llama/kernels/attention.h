// Attention of rows (tokens) over the cells of a KV cache in half precision, for x86 with AVX2.
//
// A row's result depends on its own visible cells and their positions alone: the same bits with any
// number of rows, threads and other sequences, wherever in the cache the cells lie. (ggml takes
// other ways for one row, for several, from 64 rows on, and by threads.) Sums are in single
// precision, by blocks of cells; but with AVX-512 a row of up to kFewCells cells has the bits of
// ggml on one thread, which sums up in half precision, one cell after another.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xc::kernels {

// Strides in bytes. q: rows × heads × dk floats; k, v: cells × kv_heads × dk (dv) halves; mask:
// rows × cells halves that are added to the scores, minus infinity hides a cell; null: all are
// seen. positions: of each cell that is seen, in its sequence; null: cells are summed up as they
// lie in the cache. out: rows × heads × dv floats, without gaps; zeros for a row that sees nothing.
// dk and dv: multiples of 64. heads: a multiple of kv_heads.
struct Attention {
  std::int64_t rows, heads, kv_heads, cells, dk, dv;
  const char* q;
  std::size_t q_row, q_head;
  const char* k;
  std::size_t k_cell, k_head;
  const char* v;
  std::size_t v_cell, v_head;
  const char* mask;
  std::size_t mask_row;
  const std::int32_t* positions;
  float scale;
  float* out;
};

inline constexpr std::int64_t kFewCells = 160;

bool attention_available();

// Whether short rows too are summed up by blocks of cells, as plain_attention.h does.
bool attention_own_order();

// One head of a row that sees these cells; adds: what the mask adds to each one's score.
void attend_few(const Attention& attention, std::int64_t row, std::int64_t head,
                const std::int32_t* cells, const float* adds, std::int64_t count);

// A job is a row, or a tile of rows where there are many, and the heads of one KV head, or one head
// where there are fewer of those than threads. Jobs may run at once on several threads.
class AttentionRunner {
 public:
  AttentionRunner(const Attention& attention, int threads);
  std::int64_t jobs() const { return jobs_; }
  void run(std::int64_t job);

 private:
  const Attention& attention_;
  std::int64_t rows_of_job_;
  std::int64_t heads_of_job_;
  std::int64_t jobs_of_tile_ = 0;
  std::int64_t jobs_ = 0;
};

}  // namespace xc::kernels
