// RFC 9162 §2.1: Merkle trees, inclusion and consistency proofs. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "audit/crypto.h"

namespace xc::audit {

Digest leaf_hash(Profile profile, std::string_view leaf);                    // H(0x00 ‖ leaf)
Digest node_hash(Profile profile, const Digest& left, const Digest& right);  // H(0x01 ‖ l ‖ r)
Digest empty_root(Profile profile);                                          // H()

// Where complete nodes stand when every leaf is followed by the nodes that it completes: a file
// that only grows. node_count: how many there are after `leaves` leaves.
std::uint64_t node_count(std::uint64_t leaves);
// Level 0 are leaves; node (level, n) covers leaves n·2^level up to (n+1)·2^level.
std::uint64_t node_place(int level, std::uint64_t n);

// The roots of the perfect trees that leaves fall into, largest first: enough to go on and to know
// the root. At most 64 hashes. Not thread-safe.
class Frontier {
 public:
  explicit Frontier(Profile profile) : profile_(profile) {}
  // From peaks() of an equal tree; nothing when their number is wrong.
  static std::optional<Frontier> from_peaks(Profile profile, std::uint64_t size,
                                            std::vector<Digest> peaks);
  // Appends to `nodes` (when given) the leaf and the nodes it completes, in file order.
  void append(const Digest& leaf, std::vector<Digest>* nodes = nullptr);
  std::uint64_t size() const { return size_; }
  const std::vector<Digest>& peaks() const { return peaks_; }
  Digest root() const;

 private:
  Profile profile_;
  std::uint64_t size_ = 0;
  std::vector<Digest> peaks_;
};

// Reads the complete node at a place. Proofs make O(log² n) calls at worst, O(log n) usually.
using NodeReader = std::function<Result<Digest>(std::uint64_t place)>;
Result<Digest> root_at(Profile profile, const NodeReader& read, std::uint64_t size);
Result<std::vector<Digest>> peaks_at(const NodeReader& read, std::uint64_t size);
// index < size.
Result<std::vector<Digest>> inclusion_proof(Profile profile, const NodeReader& read,
                                            std::uint64_t index, std::uint64_t size);
// first ≤ second. Empty when first is 0 or equal to second.
Result<std::vector<Digest>> consistency_proof(Profile profile, const NodeReader& read,
                                              std::uint64_t first, std::uint64_t second);

bool verify_inclusion(Profile profile, const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      const std::vector<Digest>& path, const Digest& root);
bool verify_consistency(Profile profile, std::uint64_t first, const Digest& first_root,
                        std::uint64_t second, const Digest& second_root,
                        const std::vector<Digest>& path);

}  // namespace xc::audit
