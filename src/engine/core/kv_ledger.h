// How many KV cells are in use when sequences share prefixes. Mirrors what seq_cp and seq_rm do to
// a unified cache: a cell that several sequences hold counts once. Without a model, so that
// admission can be tested without one. Engine thread only.
//
// Invariant: cells() == Σ length of nodes that some sequence reaches; every node is reached by at
// least one sequence; a node with one reference that is a leaf belongs to one sequence alone.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace xc::engine {

class KvLedger {
 public:
  explicit KvLedger(int sequences);
  ~KvLedger();

  // Sequence `seq` takes `count` further cells.
  void append(int seq, int count);
  // dst (empty) shares the first `count` cells of src.
  void fork(int dst, int src, int count);
  // Drops all cells of seq from position `length` on.
  void truncate(int seq, int length);
  void clear(int seq) { truncate(seq, 0); }

  int length(int seq) const;
  int cells() const { return cells_; }
  // Cells that clear(seq) would free.
  int exclusive(int seq) const;
  // Cells that these sequences, and the first `length` cells of `part` (-1: none), hold together,
  // each counted once.
  int reached(const std::vector<int>& seqs, int part = -1, int length = 0) const;

 private:
  struct Node;
  using NodeRef = std::shared_ptr<Node>;

  std::vector<NodeRef> leaf_;
  int cells_ = 0;
};

}  // namespace xc::engine
