// Which cells a row sees, in the order in which they are summed up. For x86 with AVX2.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine/llama/kernels/buffer.h"

namespace xc::kernels {

// The cells and what the mask adds to the score of each.
struct Seen {
  Buffer<std::int32_t> cells;
  Buffer<float> adds;
  std::int64_t count = 0;

  void make_room(std::int64_t most) {
    cells.of(static_cast<std::size_t>(most));
    adds.of(static_cast<std::size_t>(most));
    count = 0;
  }
  void add(std::int64_t cell, float what) {
    cells.get()[count] = static_cast<std::int32_t>(cell);
    adds.get()[count++] = what;
  }
};

constexpr std::uint16_t kHiddenHalf = 0xFC00;  // minus infinity

// How many of the first cells of `seen`, listed for the row of mask `last`, are all that the row
// of `mask` sees, with the same to add; -1: it sees others.
inline std::int64_t leading(const Seen& seen, const std::uint16_t* last, const std::uint16_t* mask,
                            std::int64_t cells) {
  std::int64_t others = 0, cell = 0;
  for (; cell + 16 <= cells; cell += 16) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(last + cell));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + cell));
    const auto same = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi16(a, b)));
    others += __builtin_popcount(~same) / 2;
  }
  for (; cell < cells; ++cell) others += last[cell] != mask[cell];
  if (others > seen.count) return -1;
  // They are the last of the list, or the row sees something else.
  for (std::int64_t at = seen.count - others; at < seen.count; ++at) {
    if (mask[seen.cells.get()[at]] != kHiddenHalf) return -1;
  }
  return seen.count - others;
}

// Appends cells of a row in the order of the cache, and notes whether that is their order by
// position (null: it is).
class Listing {
 public:
  Listing(Seen& seen, const std::int32_t* positions) : seen_(seen), positions_(positions) {}

  void add(std::int64_t cell, float what) {
    seen_.add(cell, what);
    if (positions_ == nullptr) return;
    ascends_ &= positions_[cell] >= last_;
    last_ = positions_[cell];
  }
  // Eight neighbours, to whose scores nothing is added.
  void add_eight(std::int64_t cell) {
    const __m256i first = _mm256_set1_epi32(static_cast<int>(cell));
    const __m256i cells = _mm256_add_epi32(first, _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    const std::int64_t to = seen_.count;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(seen_.cells.get() + to), cells);
    _mm256_storeu_ps(seen_.adds.get() + to, _mm256_setzero_ps());
    seen_.count += 8;
    if (positions_ == nullptr) return;
    const auto* at = reinterpret_cast<const __m256i*>(positions_ + cell);
    const __m256i own = _mm256_loadu_si256(at);
    const __m256i left = _mm256_permutevar8x32_epi32(own, _mm256_set_epi32(6, 5, 4, 3, 2, 1, 0, 0));
    const __m256i before = _mm256_blend_epi32(left, _mm256_set1_epi32(last_), 1);
    ascends_ &= _mm256_movemask_epi8(_mm256_cmpgt_epi32(before, own)) == 0;
    last_ = positions_[cell + 7];
  }
  bool ascends() const { return ascends_; }

 private:
  Seen& seen_;
  const std::int32_t* positions_;
  std::int32_t last_ = INT32_MIN;
  bool ascends_ = true;
};

// mask: halves, one a cell. True: the cells are listed in order of their positions.
inline bool list_by_cell(const std::uint16_t* mask, std::int64_t cells,
                         const std::int32_t* positions, Seen& seen) {
  seen.make_room(cells);
  Listing listing(seen, positions);
  const __m128i hidden = _mm_set1_epi16(static_cast<short>(kHiddenHalf));
  std::int64_t cell = 0;
  for (; cell + 8 <= cells; cell += 8) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + cell));
    if (_mm_testz_si128(eight, eight)) {
      listing.add_eight(cell);
      continue;
    }
    // Two bits a cell.
    unsigned visible =
        ~static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi16(eight, hidden))) & 0x5555u;
    for (; visible != 0; visible &= visible - 1) {
      const std::int64_t at = cell + __builtin_ctz(visible) / 2;
      listing.add(at, _cvtsh_ss(mask[at]));
    }
  }
  for (; cell < cells; ++cell) {
    if (mask[cell] != kHiddenHalf) listing.add(cell, _cvtsh_ss(mask[cell]));
  }
  return listing.ascends();
}

inline void list_all(std::int64_t cells, Seen& seen) {
  seen.make_room(cells);
  for (std::int64_t cell = 0; cell < cells; ++cell) seen.add(cell, 0);
}

// Merges each two neighbouring ascending runs. True: one run is left.
inline bool merge_runs(const std::uint64_t* from, std::uint64_t* to, std::int64_t count) {
  std::int64_t begin = 0;
  bool one = true;
  while (begin < count) {
    const std::uint64_t* middle = std::is_sorted_until(from + begin, from + count);
    const std::uint64_t* end = std::is_sorted_until(middle, from + count);
    std::merge(from + begin, middle, middle, end, to + begin);
    one = begin == 0;
    begin = end - from;
  }
  return one;
}

// By position in the sequence; cells at one position (an image's) stay in the order of the cache.
// A sequence's cells are few ascending runs: after a time of coming and going new tokens lie before
// old ones, and so does what was swapped out.
inline void order_by_position(const std::int32_t* positions, Seen& seen) {
  std::int32_t* cells = seen.cells.get();
  thread_local Buffer<std::uint64_t> first;
  thread_local Buffer<std::uint64_t> second;
  const auto size = static_cast<std::size_t>(seen.count);
  std::uint64_t* keys = first.of(size);
  std::uint64_t* merged = second.of(size);
  for (std::int64_t i = 0; i < seen.count; ++i) {
    keys[i] = static_cast<std::uint64_t>(static_cast<std::uint32_t>(positions[cells[i]])) << 32 |
              static_cast<std::uint32_t>(i);
  }
  while (!merge_runs(keys, merged, seen.count)) std::swap(keys, merged);
  // The other buffer holds the lists as they were.
  auto* old_cells = reinterpret_cast<std::int32_t*>(keys);
  auto* old_adds = reinterpret_cast<float*>(old_cells + seen.count);
  std::memcpy(old_cells, cells, size * sizeof *old_cells);
  std::memcpy(old_adds, seen.adds.get(), size * sizeof *old_adds);
  for (std::int64_t i = 0; i < seen.count; ++i) {
    const auto at = static_cast<std::uint32_t>(merged[i]);
    cells[i] = old_cells[at];
    seen.adds.get()[i] = old_adds[at];
  }
}

// What a row sees, in order of position. positions: null: in that of the cache.
inline void list_visible(const std::uint16_t* mask, std::int64_t cells,
                         const std::int32_t* positions, Seen& seen) {
  if (!list_by_cell(mask, cells, positions, seen)) order_by_position(positions, seen);
}

}  // namespace xc::kernels
