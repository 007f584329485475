// A KV cache without a model, for tests of the scheduler and the shelf. Cells are real: each holds
// its token and a hash of everything before it, sequences share cells by reference, and their
// number is limited. Whatever a llama cache would take badly (a gap in positions, a range that is
// not there, a busy sequence as the target of a copy) is noted in misuse().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/chunks/checkpoint_shelf.h"
#include "engine/chunks/chunk_shelf.h"
#include "engine/core/sequence_pool.h"

namespace xc::engine {

std::uint64_t mix_hash(std::uint64_t value);

class FakeDevice final : public CacheMemory, public KvCopier, public StateCopier {
 public:
  struct Cell {
    std::uint64_t value = 0;  // hash of all tokens up to this one
    Token token = 0;
    int position = 0;
  };

  // can_share false: a memory that cannot drop or share a part.
  FakeDevice(int sequences, int cells, bool can_share);

  void share(int src, int dst, int end) override;
  bool drop(int seq, int from) override;
  KvBytes copy_out(int seq, int from, int to) override;
  bool copy_in(int seq, Bytes bytes, int begin, int from, int to) override;

  KvBytes copy_state(int seq) override;
  bool restore_state(int seq, std::span<const std::byte> state) override;

  // One more cell. `image`: tells images apart, 0 for text. Positions of text have no gaps.
  void compute(int seq, int position, Token token, std::uint64_t image = 0);
  bool has_room(int cells) const { return static_cast<int>(free_.size()) >= cells; }

  int length(int seq) const { return static_cast<int>(sequences_[index(seq)].size()); }
  const Cell& at(int seq, int place) const {
    return cells_[index(sequences_[index(seq)][index(place)])].cell;
  }
  int cells_used() const { return static_cast<int>(cells_.size() - free_.size()); }
  // The first misuse; empty: there was none.
  const std::string& misuse() const { return misuse_; }

  // The value of a cell with this token behind a cell of this value (0 before the first).
  static std::uint64_t value_after(std::uint64_t before, Token token, std::uint64_t image);

  bool copies_out = true;  // false: copy_out gives nothing
  bool copies_in = true;   // false: copy_in refuses

 private:
  struct Counted {
    Cell cell;
    int holders = 0;
  };
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  void note(const std::string& what);
  int take(const Cell& cell);
  void let_go(int cell);

  bool can_share_;
  std::vector<Counted> cells_;
  std::vector<int> free_;
  std::vector<std::vector<int>> sequences_;  // cells by place
  std::string misuse_;
};

}  // namespace xc::engine
