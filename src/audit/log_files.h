// The files that a log writes: segments and the tree. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/file.h"
#include "audit/head.h"
#include "audit/segment_reader.h"
#include "audit/tree.h"

namespace xc::audit {

struct NewLeaf {
  Leaf leaf;
  Digest hash{};
  std::uint64_t content_at = 0;  // of its record's frame, from where the batch's contents begin
};

std::string tree_path(const std::string& folder);
// Reads nodes of a tree file. The file must outlive the reader.
NodeReader node_reader(const File& tree);

class LogFiles {
 public:
  struct Options {
    std::string folder;
    Profile profile = Profile::Sha256Ed25519;
    LogId log{};
    std::uint64_t segment_leaves = 0, segment_bytes = 0;  // then a new segment begins
    std::int64_t segment_ms = 0;
  };
  // Brings the files into order after a kill: cuts what was never acknowledged, writes the tree's
  // tail again. What `last` (the newest signed head, if any) covers must be there unchanged.
  // Error: AuditDamaged, FileError.
  static Result<LogFiles> open(Options options, const std::optional<SignedHead>& last,
                               std::int64_t now_unix_ms);

  // Writes and syncs. `contents`: the frames of the leaves' records and contents, in their order.
  // After an error nothing counts as written: append the same leaves again.
  Status append(std::span<const NewLeaf> leaves, std::string_view contents,
                std::int64_t now_unix_ms);
  Status sync_tree() const { return tree_.sync(); }
  const Frontier& frontier() const { return frontier_; }
  std::uint64_t segment() const { return first_; }

 private:
  explicit LogFiles(Options options) : options_(std::move(options)), frontier_(options_.profile) {}
  Status begin_segment(std::int64_t now_unix_ms);
  Status open_segment(std::uint64_t first);
  Status load_older(const std::vector<std::uint64_t>& firsts);
  Status load_last(const std::optional<SignedHead>& last);
  Status load_frames(const SegmentReader& reader, std::uint64_t trusted,
                     const std::optional<SignedHead>& last, std::uint64_t& content_end);
  std::unexpected<Error> damaged(std::string what) const;

  Options options_;
  Frontier frontier_;
  File leaves_, content_, tree_;
  std::uint64_t first_ = 0, content_end_ = 0;
  std::int64_t began_unix_ms_ = 0;
};

}  // namespace xc::audit
