// The pure half of the verifier: is fed leaves and heads in order, keeps the findings.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "audit/segment_reader.h"
#include "audit/tree.h"
#include "audit/verify.h"

namespace xc::audit {

class Checker {
 public:
  Checker(PublicKey key, const VerifyOptions& options);

  void begin(Frontier frontier);  // of the leaves before the first one
  void segment(std::uint64_t first, bool has_content);
  // `expected_end`: one more than any index that could be right, to tell a changed index from a
  // gap. `nodes`: the leaf's hash and the nodes it completes.
  void leaf(std::string_view leaf_bytes, std::uint64_t expected_end, std::vector<Digest>* nodes);
  void entry(const Entry& entry);  // of the leaf just given; its frame was whole
  // The next leaf, as the tree counts; heads of this size can be checked now.
  std::uint64_t size() const { return frontier_.size(); }
  std::uint64_t at() const { return at_; }  // index of the leaf just given
  bool in_order() const { return in_order_; }
  // A head of size() or, at the end, of more.
  void head(const SignedHead& head, std::string_view where);
  // The tree file disagrees about a node that leaf `index` completed, or about the leaf itself:
  // judged at the next head.
  void tree_differs(std::uint64_t index, bool leaf_itself);
  void fault(FaultKind kind, std::uint64_t index, std::string detail, std::uint64_t count = 1);
  // Leaves from `from` on were being written meanwhile: what was found there does not count.
  Findings finish(bool live, std::uint64_t from);

 private:
  void place(std::uint64_t index, std::uint64_t expected_end);
  void pair(const Leaf& leaf);
  void texts(const Entry& entry);
  void settle_tree(bool head_fits, std::uint64_t size);
  void check_receipts();
  void end_receipts();
  void check_witnessed();
  void end_witnessed();
  void report_gaps();

  const PublicKey key_;
  const Profile profile_;
  const std::vector<Receipt> receipts_;
  std::vector<SignedHead> witnessed_;  // signed ones, by size
  std::size_t next_witnessed_ = 0;
  Frontier frontier_;
  Findings findings_;
  std::uint64_t at_ = 0, expected_ = 0;
  bool in_order_ = true;
  std::uint64_t signed_size_ = 0;                   // below the newest head that fits
  std::map<std::uint64_t, std::uint64_t> missing_;  // gaps: first → end
  std::unordered_set<std::uint64_t> open_;          // admissions without a settlement
  bool open_overflow_ = false;
  std::set<std::uint64_t> erased_records_, erased_contents_;       // whose erasure has no leaf yet
  std::set<std::uint64_t> gone_segments_;                          // whose expiry has no leaf yet
  std::vector<std::uint64_t> differing_leaves_, differing_nodes_;  // by the tree file
  bool contradicted_ = false;                                      // by a signed head
};

}  // namespace xc::audit
