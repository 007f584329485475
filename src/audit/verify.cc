#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/checker.h"
#include "base/limits.h"

namespace xc::audit {

std::string_view name_of(FaultKind kind) {
  constexpr std::string_view kNames[] = {"changed",  "removed",  "inserted", "reordered", "cut",
                                         "unsigned", "bad_head", "bad_file", "unpaired"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool Findings::good() const {
  return fault_count == 0 && std::all_of(receipts.begin(), receipts.end(), [](ReceiptState state) {
           return state == ReceiptState::Good;
         });
}

Checker::Checker(PublicKey key, const VerifyOptions& options)
    : key_(std::move(key)),
      profile_(key_.profile()),
      receipts_(options.receipts),
      frontier_(profile_) {
  findings_.profile = profile_;
  findings_.log = key_.log_id();
  for (const Receipt& receipt : receipts_) {
    const bool ours =
        receipt.log == key_.log_id() && (!receipt.head || verify(*receipt.head, key_));
    // Missing until its leaf, and its head, are found.
    findings_.receipts.push_back(ours ? ReceiptState::Missing : ReceiptState::Forged);
  }
  for (const SignedHead& head : options.witnessed) {
    if (verify(head, key_)) {
      witnessed_.push_back(head);
    } else {
      fault(FaultKind::BadHead, head.size, "a witnessed head is not signed by this key");
    }
  }
  std::ranges::sort(witnessed_, {}, &SignedHead::size);
}

void Checker::begin(Frontier frontier) {
  frontier_ = std::move(frontier);
  expected_ = signed_size_ = findings_.first = frontier_.size();
  check_witnessed();
}

void Checker::segment(std::uint64_t first, bool has_content) {
  if (!has_content) gone_segments_.insert(first);
}

void Checker::fault(FaultKind kind, std::uint64_t index, std::string detail, std::uint64_t count) {
  const auto& faults = findings_.faults;
  // One damaged leaf often shows in several ways.
  const bool known = !faults.empty() && faults.back().index == index && faults.back().kind == kind;
  if (known) return;
  ++findings_.fault_count;
  if (faults.size() < limits::kAuditFaultsMax) {
    findings_.faults.push_back(Fault{kind, index, count, std::move(detail)});
  }
}

// Compares the index that a leaf claims with the one that is due.
void Checker::place(std::uint64_t index, std::uint64_t expected_end) {
  at_ = index;
  if (index == expected_) {
    ++expected_;
    return;
  }
  in_order_ = false;
  if (index > expected_ && index < expected_end) {
    missing_[expected_] = index;
    expected_ = index + 1;
    return;
  }
  auto gap = missing_.upper_bound(index);
  if (gap != missing_.begin() && std::prev(gap)->second > index) {
    --gap;
    const auto [first, end] = *gap;
    missing_.erase(gap);
    if (first < index) missing_[first] = index;
    if (index + 1 < end) missing_[index + 1] = end;
    fault(FaultKind::Reordered, index, "stands after later leaves");
    return;
  }
  if (index < expected_) {
    fault(FaultKind::Inserted, index, "stands there a second time");
    return;
  }
  at_ = expected_++;
  fault(FaultKind::Changed, at_, fmt::format("claims to be leaf {}", index));
}

void Checker::leaf(std::string_view leaf_bytes, std::uint64_t expected_end,
                   std::vector<Digest>* nodes) {
  const auto leaf = leaf_of(leaf_bytes);
  place(leaf ? leaf->index : expected_, expected_end);
  const Digest hash = leaf_hash(profile_, leaf_bytes);
  for (std::size_t i = 0; i < receipts_.size(); ++i) {
    const Receipt& receipt = receipts_[i];
    const bool found = receipt.index == at_ && receipt.leaf == hash;
    // A signed one waits for its head.
    if (found && !receipt.head && findings_.receipts[i] != ReceiptState::Forged) {
      findings_.receipts[i] = ReceiptState::Good;
    }
    if (receipt.index == at_ && receipt.leaf != hash) {
      fault(FaultKind::Changed, at_, "differs from a receipt");
    }
  }
  frontier_.append(hash, nodes);
  findings_.end = frontier_.size();
  check_receipts();
  check_witnessed();
  if (leaf) pair(*leaf);
}

// Those below an export's first leaf cannot be looked at.
void Checker::check_witnessed() {
  const std::uint64_t size = frontier_.size();
  for (; next_witnessed_ < witnessed_.size(); ++next_witnessed_) {
    const SignedHead& head = witnessed_[next_witnessed_];
    if (head.size > size) return;
    if (head.size < size || !in_order_) continue;
    if (head.root == frontier_.root()) {
      ++findings_.witnessed;
    } else {
      fault(FaultKind::Changed, signed_size_, "the root differs from a witnessed head",
            size - std::min(size, signed_size_));
    }
  }
}

// Not left out beside a running server: witnessed heads are read before the check begins.
void Checker::end_witnessed() {
  if (witnessed_.empty() || witnessed_.back().size <= frontier_.size()) return;
  const std::uint64_t covers = witnessed_.back().size;
  fault(FaultKind::Cut, frontier_.size(), fmt::format("a witnessed head covers {} leaves", covers),
        covers - frontier_.size());
}

void Checker::check_receipts() {
  for (std::size_t i = 0; i < receipts_.size(); ++i) {
    const Receipt& receipt = receipts_[i];
    if (!receipt.head || receipt.head->size != frontier_.size() || !in_order_) continue;
    if (findings_.receipts[i] == ReceiptState::Forged) continue;
    if (receipt.head->root != frontier_.root()) {
      fault(FaultKind::Changed, signed_size_, "the root differs from a receipt's head",
            frontier_.size() - signed_size_);
    } else {
      findings_.receipts[i] = ReceiptState::Good;
    }
  }
}

void Checker::pair(const Leaf& leaf) {
  switch (leaf.kind) {
    case Kind::Admission:
      ++findings_.admissions;
      open_overflow_ = open_overflow_ || open_.size() >= limits::kAuditOpenCallsMax;
      if (!open_overflow_) open_.insert(leaf.index);
      break;
    case Kind::Settlement:
      ++findings_.settlements;
      if (open_.erase(leaf.partner) == 0 && leaf.partner >= findings_.first && !open_overflow_) {
        fault(FaultKind::Unpaired, leaf.index,
              fmt::format("settles leaf {}, which is no open admission", leaf.partner));
      }
      break;
    case Kind::ErasureOfRecord:
      erased_records_.erase(leaf.partner);
      erased_contents_.erase(leaf.partner);
      break;
    case Kind::ErasureOfContent:
      erased_contents_.erase(leaf.partner);
      break;
    case Kind::Expiry:
      gone_segments_.erase(leaf.partner);
      break;
    default:
      break;
  }
}

void Checker::entry(const Entry& entry) { texts(entry); }

void Checker::texts(const Entry& entry) {
  const std::uint64_t index = at_;
  const Piece& record = entry.record;
  const Piece& content = entry.content;
  if (record.fate == Fate::Damaged) fault(FaultKind::Changed, index, "the record is damaged");
  if (record.fate == Fate::None) fault(FaultKind::Removed, index, "the record is missing");
  if (content.fate == Fate::Damaged) fault(FaultKind::Changed, index, "the content is damaged");
  if (record.fate == Fate::Gone) ++findings_.gone;
  if (record.fate == Fate::Erased) {
    ++findings_.erased;
    erased_records_.insert(index);
  }
  if (content.fate == Fate::Erased) erased_contents_.insert(index);
  if (record.fate != Fate::Kept) return;
  ++findings_.records;
  if (commitment_of(profile_, record.salt, record.text) != entry.leaf.commitment) {
    fault(FaultKind::Changed, index, "the record is not the one that was logged");
    return;
  }
  const auto expected = content_hash_of(record.text);
  if (expected && content.fate == Fate::None) {
    fault(FaultKind::Removed, index, "the content is missing");
  } else if (!expected && content.fate != Fate::None && content.fate != Fate::Gone) {
    fault(FaultKind::Inserted, index, "a content was added");
  } else if (content.fate == Fate::Kept) {
    ++findings_.contents;
    if (commitment_of(profile_, content.salt, content.text) != *expected) {
      fault(FaultKind::Changed, index, "the content is not the one that was logged");
    }
  }
}

void Checker::tree_differs(std::uint64_t index, bool leaf_itself) {
  auto& differing = leaf_itself ? differing_leaves_ : differing_nodes_;
  if (!differing.empty() && differing.back() == index) return;
  if (differing.size() < limits::kAuditFaultsMax) differing.push_back(index);
}

// When the head fits, it is the tree file that is wrong. When it does not, leaves are, and the
// tree file says which; the nodes above a wrong leaf differ as a matter of course.
void Checker::settle_tree(bool head_fits, std::uint64_t size) {
  for (const std::uint64_t index : differing_leaves_) {
    if (head_fits) fault(FaultKind::BadFile, index, "the tree file differs from the signed leaves");
    if (!head_fits) fault(FaultKind::Changed, index, "is not the leaf that was signed");
  }
  if (head_fits) {
    for (const std::uint64_t index : differing_nodes_) {
      fault(FaultKind::BadFile, index, "the tree file differs from the signed leaves");
    }
  } else if (differing_leaves_.empty() && !contradicted_) {
    fault(FaultKind::Changed, signed_size_, "the root differs from the signed head",
          size - std::min(size, signed_size_));
  }
  contradicted_ = contradicted_ || !head_fits;
  differing_leaves_.clear();
  differing_nodes_.clear();
}

void Checker::head(const SignedHead& head, std::string_view where) {
  if (!verify(head, key_)) {
    fault(FaultKind::BadHead, head.size, fmt::format("{}: not signed by this key", where));
    return;
  }
  ++findings_.heads;
  if (!in_order_ || head.size < frontier_.size()) return;
  if (head.size > frontier_.size()) {
    fault(FaultKind::Cut, frontier_.size(),
          fmt::format("{}: a signed head covers {} leaves", where, head.size),
          head.size - frontier_.size());
    return;
  }
  const bool fits = head.root == frontier_.root();
  settle_tree(fits, head.size);
  if (!fits) return;
  signed_size_ = head.size;
  findings_.head = head;
}

void Checker::report_gaps() {
  for (const auto& [first, end] : missing_) {
    fault(FaultKind::Removed, first, "missing", end - first);
  }
  for (const std::uint64_t index : erased_records_) {
    fault(FaultKind::Removed, index, "the record is erased and no leaf says so");
    erased_contents_.erase(index);
  }
  for (const std::uint64_t index : erased_contents_) {
    fault(FaultKind::Removed, index, "the content is erased and no leaf says so");
  }
  for (const std::uint64_t first : gone_segments_) {
    fault(FaultKind::Removed, first, "the segment's content file is gone and no leaf says so");
  }
}

void Checker::end_receipts() {
  for (std::size_t i = 0; i < receipts_.size(); ++i) {
    const Receipt& receipt = receipts_[i];
    const std::uint64_t needs = receipt.head ? receipt.head->size : receipt.index + 1;
    if (findings_.receipts[i] == ReceiptState::Missing && needs > frontier_.size()) {
      fault(FaultKind::Cut, frontier_.size(), fmt::format("a receipt proves {} leaves", needs),
            needs - frontier_.size());
    }
  }
}

Findings Checker::finish(bool live, std::uint64_t from) {
  report_gaps();
  // Leaves before an export's first cannot be looked up, but its root covers them.
  end_receipts();
  for (const std::uint64_t index : differing_leaves_) {
    fault(FaultKind::BadFile, index, "the tree file differs from the leaves");
  }
  if (in_order_ && !contradicted_ && frontier_.size() > signed_size_) {
    fault(FaultKind::Unsigned, signed_size_, "no signed head covers them",
          frontier_.size() - signed_size_);
  }
  if (live) {
    const auto kept = std::remove_if(findings_.faults.begin(), findings_.faults.end(),
                                     [from](const Fault& fault) { return fault.index >= from; });
    findings_.fault_count -= static_cast<std::uint64_t>(findings_.faults.end() - kept);
    findings_.faults.erase(kept, findings_.faults.end());
  }
  end_witnessed();
  findings_.live = live;
  findings_.open_admissions = open_.size();
  findings_.root = frontier_.root();
  return std::move(findings_);
}

}  // namespace xc::audit
