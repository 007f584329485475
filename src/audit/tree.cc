#include "audit/tree.h"

#include <bit>

namespace xc::audit {
namespace {

constexpr std::string_view kLeafPrefix("\0", 1), kNodePrefix("\1", 1);

int level_of(std::uint64_t power) { return std::countr_zero(power); }

// The hash of leaves [first, first + count): `first` is a multiple of the largest power of two
// that is ≤ count.
Result<Digest> range_hash(Profile profile, const NodeReader& read, std::uint64_t first,
                          std::uint64_t count) {
  const std::uint64_t left = std::bit_floor(count);
  XC_TRY(const Digest whole, read(node_place(level_of(left), first / left)));
  if (left == count) return whole;
  XC_TRY(const Digest right, range_hash(profile, read, first + left, count - left));
  return node_hash(profile, whole, right);
}

// The largest power of two that is smaller than n; n ≥ 2.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

Status add_inclusion(Profile profile, const NodeReader& read, std::uint64_t index,
                     std::uint64_t first, std::uint64_t count, std::vector<Digest>& path) {
  if (count <= 1) return {};
  const std::uint64_t k = split_of(count);
  const bool in_left = index < k;
  XC_CHECK(add_inclusion(profile, read, in_left ? index : index - k, in_left ? first : first + k,
                         in_left ? k : count - k, path));
  XC_TRY(const Digest other,
         range_hash(profile, read, in_left ? first + k : first, in_left ? count - k : k));
  path.push_back(other);
  return {};
}

// SUBPROOF(m, D[first:first+count], known) of RFC 9162 §2.1.4.1.
Status add_consistency(Profile profile, const NodeReader& read, std::uint64_t m,
                       std::uint64_t first, std::uint64_t count, bool known,
                       std::vector<Digest>& path) {
  if (m == count) {
    if (known) return {};
    XC_TRY(const Digest whole, range_hash(profile, read, first, count));
    path.push_back(whole);
    return {};
  }
  const std::uint64_t k = split_of(count);
  const bool in_left = m <= k;
  XC_CHECK(add_consistency(profile, read, in_left ? m : m - k, in_left ? first : first + k,
                           in_left ? k : count - k, in_left && known, path));
  XC_TRY(const Digest other,
         range_hash(profile, read, in_left ? first + k : first, in_left ? count - k : k));
  path.push_back(other);
  return {};
}

}  // namespace

Digest leaf_hash(Profile profile, std::string_view leaf) {
  return digest_of(profile, {kLeafPrefix, leaf});
}

Digest node_hash(Profile profile, const Digest& left, const Digest& right) {
  return digest_of(profile, {kNodePrefix, view_of(left), view_of(right)});
}

Digest empty_root(Profile profile) { return digest_of(profile, {}); }

std::uint64_t node_count(std::uint64_t leaves) {
  return 2 * leaves - static_cast<std::uint64_t>(std::popcount(leaves));
}

std::uint64_t node_place(int level, std::uint64_t n) {
  const std::uint64_t last_leaf = ((n + 1) << level) - 1;
  return node_count(last_leaf) + static_cast<std::uint64_t>(level);
}

std::optional<Frontier> Frontier::from_peaks(Profile profile, std::uint64_t size,
                                             std::vector<Digest> peaks) {
  if (peaks.size() != static_cast<std::size_t>(std::popcount(size))) return std::nullopt;
  Frontier frontier(profile);
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

void Frontier::append(const Digest& leaf, std::vector<Digest>* nodes) {
  Digest node = leaf;
  if (nodes != nullptr) nodes->push_back(node);
  // Every one-bit at the end of the old size is a peak that this leaf's tree merges with.
  for (std::uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    node = node_hash(profile_, peaks_.back(), node);
    peaks_.pop_back();
    if (nodes != nullptr) nodes->push_back(node);
  }
  peaks_.push_back(node);
  ++size_;
}

Digest Frontier::root() const {
  if (peaks_.empty()) return empty_root(profile_);
  Digest root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i > 0; --i)
    root = node_hash(profile_, peaks_[i - 1], root);
  return root;
}

Result<std::vector<Digest>> peaks_at(const NodeReader& read, std::uint64_t size) {
  std::vector<Digest> peaks;
  std::uint64_t first = 0;
  for (std::uint64_t rest = size; rest > 0;) {
    const std::uint64_t power = std::bit_floor(rest);
    XC_TRY(const Digest peak, read(node_place(level_of(power), first / power)));
    peaks.push_back(peak);
    first += power;
    rest -= power;
  }
  return peaks;
}

Result<Digest> root_at(Profile profile, const NodeReader& read, std::uint64_t size) {
  if (size == 0) return empty_root(profile);
  return range_hash(profile, read, 0, size);
}

Result<std::vector<Digest>> inclusion_proof(Profile profile, const NodeReader& read,
                                            std::uint64_t index, std::uint64_t size) {
  std::vector<Digest> path;
  if (index >= size) return fail_internal("audit: leaf outside the tree");
  XC_CHECK(add_inclusion(profile, read, index, 0, size, path));
  return path;
}

Result<std::vector<Digest>> consistency_proof(Profile profile, const NodeReader& read,
                                              std::uint64_t first, std::uint64_t second) {
  std::vector<Digest> path;
  if (first > second) return fail_internal("audit: trees in the wrong order");
  if (first == 0 || first == second) return path;
  XC_CHECK(add_consistency(profile, read, first, 0, second, true, path));
  return path;
}

// RFC 9162 §2.1.3.2.
bool verify_inclusion(Profile profile, const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      const std::vector<Digest>& path, const Digest& root) {
  if (index >= size) return false;
  std::uint64_t fn = index, sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : path) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      r = node_hash(profile, p, r);
      while ((fn & 1) == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      r = node_hash(profile, r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && r == root;
}

// RFC 9162 §2.1.4.2.
bool verify_consistency(Profile profile, std::uint64_t first, const Digest& first_root,
                        std::uint64_t second, const Digest& second_root,
                        const std::vector<Digest>& path) {
  if (first > second) return false;
  if (first == second) return path.empty() && first_root == second_root;
  if (first == 0) return path.empty() && first_root == empty_root(profile);
  std::vector<Digest> nodes;
  if (std::has_single_bit(first)) nodes.push_back(first_root);
  nodes.insert(nodes.end(), path.begin(), path.end());
  if (nodes.empty()) return false;
  std::uint64_t fn = first - 1, sn = second - 1;
  while ((fn & 1) != 0) fn >>= 1, sn >>= 1;
  Digest fr = nodes.front(), sr = nodes.front();
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = node_hash(profile, nodes[i], fr);
      sr = node_hash(profile, nodes[i], sr);
      while ((fn & 1) == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      sr = node_hash(profile, sr, nodes[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == first_root && sr == second_root;
}

}  // namespace xc::audit
