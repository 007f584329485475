#include "engine/core/kv_ledger.h"

#include <algorithm>
#include <unordered_set>

#include "base/assert.h"

namespace xc::engine {

// A run of cells. The holders of a node are its children and the sequences whose leaf it is:
// exactly its shared_ptr's use count.
struct KvLedger::Node {
  NodeRef parent;
  int start = 0;  // position of the first cell
  int length = 0;
};

KvLedger::KvLedger(int sequences) : leaf_(static_cast<std::size_t>(sequences)) {}
KvLedger::~KvLedger() = default;

void KvLedger::append(int seq, int count) {
  if (count == 0) return;  // an empty node would outlive clear()
  NodeRef& leaf = leaf_[static_cast<std::size_t>(seq)];
  if (leaf == nullptr || leaf.use_count() > 1) {
    const int start = leaf == nullptr ? 0 : leaf->start + leaf->length;
    auto node = std::make_shared<Node>();
    node->parent = std::move(leaf);
    node->start = start;
    leaf = std::move(node);
  }
  leaf->length += count;
  cells_ += count;
}

void KvLedger::fork(int dst, int src, int count) {
  XC_ASSERT(leaf_[static_cast<std::size_t>(dst)] == nullptr);
  XC_ASSERT(count <= length(src));
  if (count == 0) return;
  NodeRef node = leaf_[static_cast<std::size_t>(src)];
  while (node->start >= count) node = node->parent;
  const int inside = count - node->start;
  if (inside < node->length) {  // split: a new upper node takes the first part
    auto upper = std::make_shared<Node>();
    upper->parent = std::move(node->parent);
    upper->start = node->start;
    upper->length = inside;
    node->parent = upper;
    node->start += inside;
    node->length -= inside;
    node = std::move(upper);
  }
  leaf_[static_cast<std::size_t>(dst)] = std::move(node);
}

void KvLedger::truncate(int seq, int length) {
  NodeRef& leaf = leaf_[static_cast<std::size_t>(seq)];
  while (leaf != nullptr && leaf->start + leaf->length > length) {
    const bool alone = leaf.use_count() == 1;
    if (leaf->start >= length) {
      if (alone) cells_ -= leaf->length;
      NodeRef parent = leaf->parent;
      leaf = std::move(parent);
    } else if (alone) {
      cells_ -= leaf->start + leaf->length - length;
      leaf->length = length - leaf->start;
    } else {  // others keep the rest: share only the first part
      const int inside = length - leaf->start;
      auto upper = std::make_shared<Node>();
      upper->parent = std::move(leaf->parent);
      upper->start = leaf->start;
      upper->length = inside;
      leaf->start += inside;
      leaf->length -= inside;
      leaf->parent = upper;
      leaf = std::move(upper);
    }
  }
}

int KvLedger::length(int seq) const {
  const NodeRef& leaf = leaf_[static_cast<std::size_t>(seq)];
  return leaf == nullptr ? 0 : leaf->start + leaf->length;
}

int KvLedger::reached(const std::vector<int>& seqs, int part, int length) const {
  int cells = 0;
  std::unordered_set<const Node*> seen;
  for (const int seq : seqs) {
    const Node* node = leaf_[static_cast<std::size_t>(seq)].get();
    for (; node != nullptr && seen.insert(node).second; node = node->parent.get()) {
      cells += node->length;
    }
  }
  if (part < 0) return cells;
  const Node* node = leaf_[static_cast<std::size_t>(part)].get();
  for (; node != nullptr && !seen.contains(node); node = node->parent.get()) {
    cells += std::clamp(length - node->start, 0, node->length);
  }
  return cells;
}

int KvLedger::exclusive(int seq) const {
  int cells = 0;
  const NodeRef* node = &leaf_[static_cast<std::size_t>(seq)];
  while (*node != nullptr && node->use_count() == 1) {
    cells += (*node)->length;
    node = &(*node)->parent;
  }
  return cells;
}

}  // namespace xc::engine
