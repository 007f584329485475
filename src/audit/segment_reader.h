// Reads one segment of a folder. Used by the log, the exports and the verifier.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/file.h"
#include "audit/segment.h"

namespace xc::audit {

// What became of a record or a content.
enum class Fate : std::uint8_t {
  None,  // there never was any (of contents)
  Kept,
  Erased,   // overwritten on purpose
  Gone,     // the segment has no content file any more
  Damaged,  // the bytes are not whole
};

std::string_view name_of(Fate fate);  // "none", "kept" …

struct Piece {
  Fate fate = Fate::None;
  Salt salt{};
  std::string text;
};

struct Entry {
  Leaf leaf;
  std::uint64_t content_at = 0;
  std::uint64_t content_end = 0;  // of the last frame that belongs to the leaf
  Piece record, content;
};

// What of a leaf is read. Of RecordOnly the content's fate is what its frame says, without its
// bytes: whoever looks through many leaves shall not read every prompt.
enum class Texts : std::uint8_t { All, RecordOnly };

// The first leaves of all segments of a folder, in order. Error: FileError.
Result<std::vector<std::uint64_t>> segments_of(const std::string& folder);

// Thread-safe: reads at places only.
class SegmentReader {
 public:
  // Error: FileMissing, FileError, AuditDamaged (a header that is not one).
  static Result<SegmentReader> open(const std::string& folder, std::uint64_t first);
  const SegmentHead& head() const { return head_; }
  std::uint64_t first() const { return head_.first; }
  bool has_content() const { return content_.is_open(); }
  Result<std::uint64_t> frames() const;      // whole ones in the file now
  Result<std::uint64_t> torn_bytes() const;  // after them
  Result<std::uint64_t> content_size() const;
  // The bytes of frame `n` of this segment; fewer than kLeafFrameBytes at the end.
  Result<std::string> frame(std::uint64_t n) const;
  Result<std::string> frames_at(std::uint64_t n, std::size_t count) const;
  // Record and content of a leaf. Damage is a Fate, not an error. Error: FileError.
  Result<Entry> entry(const LeafFrame& frame, Texts texts = Texts::All) const;
  // The frame head at a place of the content file; nothing when it is not one.
  Result<std::optional<ContentHead>> content_head(std::uint64_t at) const;

 private:
  Result<Piece> piece(Body body, std::uint64_t index, std::uint64_t at, std::uint64_t& end) const;
  SegmentHead head_;
  File leaves_, content_;
};

}  // namespace xc::audit
