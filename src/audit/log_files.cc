#include "audit/log_files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "store/atomic_file.h"

namespace xc::audit {

std::string tree_path(const std::string& folder) { return folder + "/tree"; }

NodeReader node_reader(const File& tree) {
  return [&tree](std::uint64_t place) -> Result<Digest> {
    Digest digest{};
    XC_TRY(const std::string bytes, tree.read(place * digest.size(), digest.size()));
    if (bytes.size() != digest.size()) {
      return fail(Code::Internal, Message::AuditDamaged, {tree.path(), fmt::format("@{}", place)});
    }
    for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(bytes[i]);
    return digest;
  };
}

Result<LogFiles> LogFiles::open(Options options, const std::optional<SignedHead>& last,
                                std::int64_t now_unix_ms) {
  LogFiles files(std::move(options));
  XC_TRY(files.tree_, File::open(tree_path(files.options_.folder), O_RDWR | O_CREAT));
  XC_TRY(const std::vector<std::uint64_t> firsts, segments_of(files.options_.folder));
  if (firsts.empty() && last && last->size > 0) {
    return files.damaged(fmt::format("0/{}", last->size));
  }
  if (firsts.empty()) {
    XC_CHECK(files.begin_segment(now_unix_ms));
  } else {
    XC_CHECK(files.load_older(firsts));
    XC_CHECK(files.open_segment(firsts.back()));
    XC_CHECK(files.load_last(last));
  }
  return files;
}

std::unexpected<Error> LogFiles::damaged(std::string what) const {
  return fail(Code::Internal, Message::AuditDamaged, {options_.folder, std::move(what)});
}

Status LogFiles::open_segment(std::uint64_t first) {
  const std::string base = options_.folder + "/";
  XC_TRY(content_, File::open(base + segment_name(first, Part::Content), O_RDWR));
  XC_TRY(leaves_, File::open(base + segment_name(first, Part::Leaves), O_RDWR));
  XC_TRY(const std::string bytes, leaves_.read(0, kSegmentHeadBytes));
  const auto head = segment_head_of(bytes);
  if (!head || head->log != options_.log || head->first != first) return damaged(leaves_.path());
  first_ = first;
  began_unix_ms_ = head->unix_ms;
  content_end_ = kSegmentHeadBytes;
  return {};
}

Status LogFiles::begin_segment(std::int64_t now_unix_ms) {
  // Only the last segment's nodes are computed again at start.
  XC_CHECK(tree_.sync());
  SegmentHead head{Part::Content, options_.profile, options_.log, frontier_.size(), now_unix_ms};
  const std::string base = options_.folder + "/";
  // The leaves' file comes second: a segment exists when it does.
  XC_CHECK(store::write_atomically(base + segment_name(head.first, Part::Content), bytes_of(head),
                                   0600));
  head.part = Part::Leaves;
  XC_CHECK(
      store::write_atomically(base + segment_name(head.first, Part::Leaves), bytes_of(head), 0600));
  return open_segment(head.first);
}

Status LogFiles::append(std::span<const NewLeaf> leaves, std::string_view contents,
                        std::int64_t now_unix_ms) {
  const std::uint64_t have = frontier_.size() - first_;
  const bool full = have >= options_.segment_leaves || content_end_ >= options_.segment_bytes ||
                    now_unix_ms - began_unix_ms_ >= options_.segment_ms;
  if (have > 0 && full) XC_CHECK(begin_segment(now_unix_ms));
  Frontier next = frontier_;
  std::vector<Digest> nodes;
  std::string frames;
  nodes.reserve(2 * leaves.size() + 64);  // a leaf makes less than one node more, on the whole
  frames.reserve(leaves.size() * kLeafFrameBytes);
  for (const NewLeaf& fresh : leaves) {
    append_frame(frames, LeafFrame{fresh.leaf, content_end_ + fresh.content_at});
    next.append(fresh.hash, &nodes);
  }
  static_assert(sizeof(Digest) == 32);  // no gaps: a file of nodes is their memory
  const std::string_view hashes(reinterpret_cast<const char*>(nodes.data()),
                                nodes.size() * sizeof(Digest));
  const std::uint64_t at = kSegmentHeadBytes + (frontier_.size() - first_) * kLeafFrameBytes;
  XC_CHECK(content_.write(content_end_, contents));
  XC_CHECK(leaves_.write(at, frames));
  XC_CHECK(tree_.write(node_count(frontier_.size()) * sizeof(Digest), hashes));
  XC_CHECK(content_.sync());
  XC_CHECK(leaves_.sync());
  frontier_ = std::move(next);
  content_end_ += contents.size();
  return {};
}

}  // namespace xc::audit
