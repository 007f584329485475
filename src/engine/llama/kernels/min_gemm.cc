#include "engine/llama/kernels/min_gemm.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define XC_KERNELS 1
#include "engine/llama/kernels/buffer.h"
#if defined(__AVX512VNNI__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include "engine/llama/kernels/tile_avx512.h"
#else
#include "engine/llama/kernels/tile_avx2.h"
#endif
#endif

#include <algorithm>
#include <type_traits>

namespace xc::kernels {
namespace {

constexpr std::int64_t kTileRows = 4;
constexpr std::int64_t kChunkStep = 8;  // rows: whole tiles
constexpr std::int64_t kBandColumnsMax = 256;
constexpr std::int64_t kBandBytes = 256 * 1024;  // of packed columns: half of a small L2

std::int64_t up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step; }

#ifdef XC_KERNELS

template <class T>
thread_local Buffer<T> buffer;

template <class Block>
using ColumnOf = std::conditional_t<std::is_same_v<Block, BlockQ8NoSum>, BlockQ8NoSum, BlockQ8>;

// A tile's blocks follow each other; columns beyond the last are zero.
template <class Block>
void pack_band(const Product& p, std::int64_t first, std::int64_t columns, ColumnsFor<Block>* out) {
  const auto* b = static_cast<const ColumnOf<Block>*>(p.b);
  for (std::int64_t at = 0; at < columns; at += kTileColumns) {
    for (std::int64_t block = 0; block < p.blocks; ++block, ++out) {
      const std::int64_t here = std::min<std::int64_t>(kTileColumns, columns - at);
      if (here < kTileColumns) std::memset(static_cast<void*>(out), 0, sizeof *out);
      for (std::int64_t j = 0; j < here; ++j) {
        pack_column(b[(first + at + j) * p.ldb + block], static_cast<int>(j), *out);
      }
    }
  }
}

// Rows beyond the last are the last once more; nobody reads what becomes of them.
template <class Block, int kRows>
void rows_from(const Product& p, std::int64_t row, const Block* (&rows)[kRows]) {
  for (std::int64_t r = 0; r < kRows; ++r) {
    rows[r] = static_cast<const Block*>(p.a) + std::min(row + r, p.m - 1) * p.lda;
  }
}

template <class Block>
void unpack_rows(const Product& p, std::int64_t row, RowsFor<Block>* out) {
  const Block* rows[kTileRows];
  rows_from(p, row, rows);
  for (std::int64_t b = 0; b < p.blocks; ++b) {
    for (const Block* x : rows) _mm_prefetch(x + kTileRows * p.lda + b, _MM_HINT_T0);
    unpack(rows, b, out[b]);
  }
}

template <class Block>
void multiply_rows(const Product& p, const RowsFor<Block>* x, const ColumnsFor<Block>* y,
                   std::int64_t row, std::int64_t first, std::int64_t columns) {
  const std::int64_t rows = std::min(kTileRows, p.m - row);
  for (std::int64_t at = 0; at < columns; at += kTileColumns, y += p.blocks) {
    const int here = static_cast<int>(std::min<std::int64_t>(kTileColumns, columns - at));
    float* c = p.c + (first + at) * p.ldc + row;
    if (rows == kTileRows) {
      any_tile<Block>(x, y, p.blocks, here, c, p.ldc);
      continue;
    }
    float edge[kTileColumns][kTileRows];
    any_tile<Block>(x, y, p.blocks, here, edge[0], kTileRows);
    for (int j = 0; j < here; ++j) std::copy_n(edge[j], rows, c + j * p.ldc);
  }
}

// Rows [begin, end) of all of a few columns.
template <class Block, int kColumns>
void multiply_columns(const Product& p, std::int64_t begin, std::int64_t end) {
  const ColumnOf<Block>* columns[kColumns];
  for (std::int64_t j = 0; j < kColumns; ++j) {
    columns[j] = static_cast<const ColumnOf<Block>*>(p.b) + j * p.ldb;
  }
  for (std::int64_t row = begin; row < end; row += kColumnRows) {
    const Block* rows[kColumnRows];
    rows_from(p, row, rows);
    float out[kColumns][kColumnRows];
    column_tile(rows, kColumnRows * p.lda, columns, p.blocks, out);
    const std::int64_t count = std::min<std::int64_t>(kColumnRows, end - row);
    for (std::int64_t j = 0; j < kColumns; ++j) std::copy_n(out[j], count, p.c + j * p.ldc + row);
  }
}

// False: too many columns for that.
template <class Block>
bool multiply_few(const Product& p, std::int64_t begin, std::int64_t end) {
  if constexpr (kOwnOrder) {
    if (p.n == 3) return multiply_columns<Block, 3>(p, begin, end), true;
    if (p.n == 2) return multiply_columns<Block, 2>(p, begin, end), true;
  }
  if constexpr (kOwnOrder || !std::is_same_v<Block, BlockQ8NoSum>) {
    if (p.n == 1) return multiply_columns<Block, 1>(p, begin, end), true;
  }
  return false;
}

#endif

}  // namespace

Jobs jobs_of(const Product& p, int threads) {
  Jobs jobs{};
#ifdef XC_KERNELS
  const std::int64_t tile_bytes = p.blocks * static_cast<std::int64_t>(sizeof(ColumnsFor<BlockQ4>));
  const std::int64_t tiles = std::clamp<std::int64_t>(
      kBandBytes / std::max<std::int64_t>(tile_bytes, 1), 1, kBandColumnsMax / kTileColumns);
  jobs.band_columns = tiles * kTileColumns;
  jobs.bands = up(p.n, jobs.band_columns);
  // Four jobs a thread, so that one which shares its core does not hold up the others.
  const std::int64_t chunks = threads == 1 ? 1 : 4 * threads;
  jobs.chunk_rows = std::max<std::int64_t>(up(up(p.m, chunks), kChunkStep) * kChunkStep, 16);
  jobs.chunks = up(p.m, jobs.chunk_rows);
#else
  static_cast<void>(p);
  static_cast<void>(threads);
#endif
  return jobs;
}

#ifdef XC_KERNELS

bool available() { return true; }
bool own_order() { return kOwnOrder; }

void Runner::run(std::int64_t job) {
  const std::int64_t begin = job % jobs_.chunks * jobs_.chunk_rows;
  const std::int64_t end = std::min(begin + jobs_.chunk_rows, product_.m);
  const std::int64_t band = job / jobs_.chunks;
  switch (product_.format) {
    case Format::Q4_1:
      return run_band<BlockQ4>(band, begin, end);
    case Format::Q5_1:
      return run_band<BlockQ5>(band, begin, end);
    case Format::Q8_0:
      return run_band<BlockQ8NoSum>(band, begin, end);
  }
}

// Rows [begin, end) by the columns of a band.
template <class Block>
void Runner::run_band(std::int64_t band, std::int64_t begin, std::int64_t end) {
  const Product& p = product_;
  if (multiply_few<Block>(p, begin, end)) return;
  const std::int64_t first = band * jobs_.band_columns;
  const std::int64_t columns = std::min(jobs_.band_columns, p.n - first);
  auto* y =
      buffer<ColumnsFor<Block>>.of(static_cast<std::size_t>(up(columns, kTileColumns) * p.blocks));
  if (band != packed_band_) pack_band<Block>(p, first, columns, y);
  packed_band_ = band;
  auto* x = buffer<RowsFor<Block>>.of(static_cast<std::size_t>(p.blocks));
  for (std::int64_t row = begin; row < end; row += kTileRows) {
    unpack_rows<Block>(p, row, x);
    multiply_rows<Block>(p, x, y, row, first, columns);
  }
}

#else

bool available() { return false; }
bool own_order() { return false; }
void Runner::run(std::int64_t) {}

#endif

}  // namespace xc::kernels
