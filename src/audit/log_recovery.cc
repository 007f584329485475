// What a log does with its files when it opens: after an orderly end nothing is changed.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "audit/log_files.h"

namespace xc::audit {
namespace {

constexpr std::size_t kFramesAtOnce = 1'024;

std::string text_of(const std::vector<Digest>& nodes) {
  std::string text;
  for (const Digest& node : nodes) text += view_of(node);
  return text;
}

// Whether all that belongs to a leaf reached the disk.
bool whole(const Entry& entry) {
  if (entry.record.fate == Fate::Erased) return entry.content.fate != Fate::Damaged;
  if (entry.record.fate != Fate::Kept || entry.content.fate == Fate::Damaged) return false;
  return entry.content.fate != Fate::None || !content_hash_of(entry.record.text);
}

}  // namespace

// The frontier before the last segment: from the tree file, or from the leaves when it was lost.
Status LogFiles::load_older(const std::vector<std::uint64_t>& firsts) {
  const std::uint64_t size = firsts.back();
  XC_TRY(const std::uint64_t bytes, tree_.size());
  if (bytes >= node_count(size) * sizeof(Digest)) {
    XC_TRY(std::vector<Digest> peaks, peaks_at(node_reader(tree_), size));
    frontier_ = *Frontier::from_peaks(options_.profile, size, std::move(peaks));
    return {};
  }
  for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
    XC_TRY(const SegmentReader reader, SegmentReader::open(options_.folder, firsts[i]));
    std::uint64_t ignored = 0;
    first_ = firsts[i];
    if (frontier_.size() != first_) break;
    XC_CHECK(load_frames(reader, UINT64_MAX, std::nullopt, ignored));
  }
  if (frontier_.size() != size) return damaged(fmt::format("{}/{}", frontier_.size(), size));
  return tree_.sync();
}

// Takes frames as long as they are whole. Below `trusted` the texts are not looked at: they were
// acknowledged, and the verifier judges them.
Status LogFiles::load_frames(const SegmentReader& reader, std::uint64_t trusted,
                             const std::optional<SignedHead>& last, std::uint64_t& content_end) {
  std::optional<LeafFrame> newest;
  bool going = true;
  while (going) {
    const std::uint64_t begin = frontier_.size();
    XC_TRY(const std::string bytes, reader.frames_at(begin - first_, kFramesAtOnce));
    std::vector<Digest> nodes;
    for (std::size_t at = 0; going; at += kLeafFrameBytes) {
      if (bytes.size() < at + kLeafFrameBytes) {
        going = bytes.size() == kFramesAtOnce * kLeafFrameBytes;
        break;
      }
      const std::string_view frame_bytes = std::string_view(bytes).substr(at, kLeafFrameBytes);
      const auto frame = leaf_frame_of(frame_bytes);
      going = frame && frame->leaf.index == frontier_.size();
      if (going && frame->leaf.index >= trusted) {
        XC_TRY(const Entry entry, reader.entry(*frame));
        going = whole(entry);
      }
      if (!going) break;
      newest = frame;
      frontier_.append(leaf_hash(options_.profile, frame_bytes.substr(0, kLeafBytes)), &nodes);
      if (last && frontier_.size() == last->size && frontier_.root() != last->root) {
        return damaged(fmt::format("root @{}", last->size));
      }
    }
    XC_CHECK(tree_.write(node_count(begin) * sizeof(Digest), text_of(nodes)));
  }
  content_end = kSegmentHeadBytes;
  if (newest && reader.has_content()) {
    XC_TRY(const Entry entry, reader.entry(*newest));
    content_end = entry.content_end;
  }
  return {};
}

Status LogFiles::load_last(const std::optional<SignedHead>& last) {
  XC_TRY(const SegmentReader reader, SegmentReader::open(options_.folder, first_));
  const std::uint64_t trusted = last ? last->size : 0;
  if (last && last->size <= first_) {
    XC_TRY(const Digest root, root_at(options_.profile, node_reader(tree_), last->size));
    if (root != last->root) return damaged(fmt::format("root @{}", last->size));
  }
  XC_CHECK(load_frames(reader, trusted, last, content_end_));
  if (frontier_.size() < trusted) return damaged(fmt::format("{}/{}", frontier_.size(), trusted));
  const std::uint64_t leaves = frontier_.size() - first_;
  XC_CHECK(leaves_.truncate(kSegmentHeadBytes + leaves * kLeafFrameBytes));
  XC_CHECK(content_.truncate(content_end_));
  XC_CHECK(tree_.truncate(node_count(frontier_.size()) * sizeof(Digest)));
  // Leaves that reached the disk unacknowledged count from now on.
  XC_CHECK(content_.sync());
  return leaves_.sync();
}

}  // namespace xc::audit
