#include "audit/segment_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

namespace xc::audit {
namespace {

Status check_head(const File& file, Part part, std::uint64_t first, SegmentHead& head) {
  XC_TRY(const std::string bytes, file.read(0, kSegmentHeadBytes));
  const auto read = segment_head_of(bytes);
  if (!read || read->part != part || read->first != first) {
    return fail(Code::Internal, Message::AuditDamaged, {file.path(), "header"});
  }
  head = *read;
  return {};
}

}  // namespace

std::string_view name_of(Fate fate) {
  constexpr std::string_view kNames[] = {"none", "kept", "erased", "gone", "damaged"};
  return kNames[static_cast<std::size_t>(fate)];
}

Result<std::vector<std::uint64_t>> segments_of(const std::string& folder) {
  std::vector<std::uint64_t> firsts;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return fail(Code::NotFound, Message::FileMissing, {folder});
  for (const auto& entry : entries) {
    const auto first = first_of_name(entry.path().filename().string(), Part::Leaves);
    if (first) firsts.push_back(*first);
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

Result<SegmentReader> SegmentReader::open(const std::string& folder, std::uint64_t first) {
  SegmentReader reader;
  XC_TRY(reader.leaves_, File::open(folder + "/" + segment_name(first, Part::Leaves), O_RDONLY));
  XC_CHECK(check_head(reader.leaves_, Part::Leaves, first, reader.head_));
  auto content = File::open(folder + "/" + segment_name(first, Part::Content), O_RDONLY);
  if (!content && content.error().message == Message::FileMissing) return reader;
  if (!content) return std::unexpected(std::move(content.error()));
  SegmentHead same;
  XC_CHECK(check_head(*content, Part::Content, first, same));
  if (same.log != reader.head_.log) {
    return fail(Code::Internal, Message::AuditDamaged, {content->path(), "header"});
  }
  reader.content_ = std::move(*content);
  return reader;
}

Result<std::uint64_t> SegmentReader::frames() const {
  XC_TRY(const std::uint64_t size, leaves_.size());
  return (size - std::min<std::uint64_t>(size, kSegmentHeadBytes)) / kLeafFrameBytes;
}

Result<std::uint64_t> SegmentReader::torn_bytes() const {
  XC_TRY(const std::uint64_t size, leaves_.size());
  return (size - std::min<std::uint64_t>(size, kSegmentHeadBytes)) % kLeafFrameBytes;
}

Result<std::uint64_t> SegmentReader::content_size() const { return content_.size(); }

Result<std::string> SegmentReader::frame(std::uint64_t n) const { return frames_at(n, 1); }

Result<std::string> SegmentReader::frames_at(std::uint64_t n, std::size_t count) const {
  return leaves_.read(kSegmentHeadBytes + n * kLeafFrameBytes, count * kLeafFrameBytes);
}

Result<std::optional<ContentHead>> SegmentReader::content_head(std::uint64_t at) const {
  XC_TRY(const std::string bytes, content_.read(at, kContentHeadBytes));
  return content_head_of(bytes);
}

Result<Piece> SegmentReader::piece(Body body, std::uint64_t index, std::uint64_t at,
                                   std::uint64_t& end) const {
  Piece piece;
  piece.fate = Fate::Damaged;
  XC_TRY(const auto head, content_head(at));
  if (!head || head->body != body || head->index != index) return piece;
  XC_TRY(piece.text, content_.read(at + kContentHeadBytes, head->length));
  end = at + kContentHeadBytes + head->length;
  const bool fine = whole(*head, piece.text);
  const bool empty =
      head->salt == Salt{} && piece.text.find_first_not_of('\0') == std::string::npos;
  piece.salt = head->salt;
  piece.fate = !fine || (head->erased && !empty) ? Fate::Damaged
               : head->erased                    ? Fate::Erased
                                                 : Fate::Kept;
  if (piece.fate != Fate::Kept) piece.text.clear();
  return piece;
}

Result<Entry> SegmentReader::entry(const LeafFrame& frame, Texts texts) const {
  Entry entry;
  entry.leaf = frame.leaf;
  entry.content_at = entry.content_end = frame.content_at;
  if (!has_content()) {
    entry.record.fate = entry.content.fate = Fate::Gone;
    return entry;
  }
  XC_TRY(entry.record, piece(Body::Record, frame.leaf.index, frame.content_at, entry.content_end));
  if (entry.content_end == entry.content_at) return entry;  // its length is unknown
  XC_TRY(const auto next, content_head(entry.content_end));
  if (!next || next->index != frame.leaf.index || next->body != Body::Content) return entry;
  if (texts == Texts::RecordOnly) {
    entry.content.fate = next->erased ? Fate::Erased : Fate::Kept;
    entry.content_end += kContentHeadBytes + next->length;
    return entry;
  }
  XC_TRY(entry.content,
         piece(Body::Content, frame.leaf.index, entry.content_end, entry.content_end));
  return entry;
}

}  // namespace xc::audit
