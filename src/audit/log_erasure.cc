// Reading single leaves, and forgetting what they stood for.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "audit/log_parts.h"
#include "audit/text_codes.h"
#include "base/assert.h"
#include "store/atomic_file.h"

namespace xc::audit {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr auto kPatience = std::chrono::seconds(30);  // for a leaf of ours to reach the disk
constexpr std::size_t kJournalBytesMax = 64 * Log::kErasedAtOnce;  // a line has 40

std::string journal_path(const std::string& folder) { return folder + "/erasing"; }

std::unexpected<Error> no_leaf(std::uint64_t index) {
  return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", index)});
}

Result<SegmentReader> segment_of(const std::string& folder, std::uint64_t index) {
  XC_TRY(const std::vector<std::uint64_t> firsts, segments_of(folder));
  const auto after = std::upper_bound(firsts.begin(), firsts.end(), index);
  if (after == firsts.begin()) return no_leaf(index);
  return SegmentReader::open(folder, *(after - 1));
}

}  // namespace

std::uint64_t Log::Parts::committed_size() const {
  const std::lock_guard held(mutex);
  return head.size;
}

Result<SegmentReader> Log::Parts::segment_with(std::uint64_t index) const {
  if (index >= committed_size()) return no_leaf(index);
  return segment_of(options.folder, index);
}

Result<std::int64_t> Log::Parts::newest_unix_ms() const {
  const std::uint64_t size = files.frontier().size();
  if (size == 0) return 0;
  XC_TRY(const SegmentReader segment, segment_of(options.folder, size - 1));
  XC_TRY(const std::string bytes, segment.frame(size - 1 - segment.first()));
  const auto frame = leaf_frame_of(bytes);
  return frame ? frame->leaf.unix_ms : 0;  // damage is the verifier's to judge
}

Result<Entry> Log::Parts::read(std::uint64_t index) const {
  XC_TRY(const SegmentReader segment, segment_with(index));
  XC_TRY(const std::string bytes, segment.frame(index - segment.first()));
  const auto frame = leaf_frame_of(bytes);
  if (!frame || frame->leaf.index != index) {
    return fail(Code::Internal, Message::AuditDamaged, {options.folder, fmt::format("#{}", index)});
  }
  return segment.entry(*frame);
}

namespace {

// Writes zeros over the leaf's frames; running it again changes nothing.
Status zero(const SegmentReader& segment, const File& content, std::uint64_t index, Body what) {
  XC_TRY(const std::string bytes, segment.frame(index - segment.first()));
  const auto frame = leaf_frame_of(bytes);
  if (!frame) return no_leaf(index);
  std::uint64_t at = frame->content_at;
  for (;;) {
    XC_TRY(const auto head, segment.content_head(at));
    if (!head || head->index != index) return {};
    const bool goes = what == Body::Record || head->body == Body::Content;
    if (goes && !head->erased) XC_CHECK(content.write(at, erased_frame(*head)));
    at += kContentHeadBytes + head->length;
  }
}

}  // namespace

// Leaves of one segment that follow each other are synced together.
Status Log::Parts::overwrite(std::span<const std::uint64_t> leaves, Body what) const {
  std::optional<File> content;
  for (const std::uint64_t index : leaves) {
    XC_TRY(const SegmentReader segment, segment_with(index));
    if (!segment.has_content()) continue;
    const std::string path = options.folder + "/" + segment_name(segment.first(), Part::Content);
    if (content && content->path() != path) {
      XC_CHECK(content->sync());
      content.reset();
    }
    if (!content) {
      XC_TRY(content, File::open(path, O_RDWR));
    }
    XC_CHECK(zero(segment, *content, index, what));
  }
  return content ? content->sync() : Status();
}

Status Log::Parts::erase(std::span<const std::uint64_t> leaves, Body what, std::string_view by,
                         std::string_view reason) {
  const std::lock_guard one(erasing);
  XC_ASSERT(leaves.size() <= kErasedAtOnce);
  const Kind kind = what == Body::Record ? Kind::ErasureOfRecord : Kind::ErasureOfContent;
  std::string lines;
  for (const std::uint64_t index : leaves) {
    if (index >= committed_size()) return no_leaf(index);
    lines += fmt::format("{} {}\n", name_of(kind), index);
  }
  if (leaves.empty()) return {};
  const std::string journal = journal_path(options.folder);
  XC_CHECK(store::write_atomically(journal, lines, 0600));
  Ticket last;
  for (const std::uint64_t index : leaves) {
    XC_TRY(last,
           append(kind, index, RecordText().text("by", by).text("reason", reason).take(), {}, {}));
  }
  XC_CHECK(wait_index(last.index, Deadline::after(kPatience)));
  XC_CHECK(overwrite(leaves, what));
  ::unlink(journal.c_str());
  return {};
}

// An erasure that a kill broke off is done again: whether its leaves were written is not known, and
// two of a kind do no harm. A journal that cannot be read, or names what is not there, is of none.
Status Log::Parts::finish_erasure() {
  const std::string journal = journal_path(options.folder);
  const auto text = store::read_bounded(journal, kJournalBytesMax);
  if (!text && text.error().message == Message::FileMissing) return {};
  if (!text) return std::unexpected(text.error());
  std::vector<std::uint64_t> leaves;
  std::optional<Kind> kind;
  TextCursor cursor(*text);
  while (!cursor.at_end() && leaves.size() < kErasedAtOnce) {
    const auto of_line = kind_of(cursor.until(' '));
    const auto index = number_of(cursor.until('\n'));
    if (!of_line || !index || *index >= committed_size()) break;
    if (kind && *kind != *of_line) break;
    kind = of_line;
    leaves.push_back(*index);
  }
  const bool erasure = kind == Kind::ErasureOfRecord || kind == Kind::ErasureOfContent;
  if (!erasure) {
    ::unlink(journal.c_str());
    return {};
  }
  return erase(leaves, kind == Kind::ErasureOfRecord ? Body::Record : Body::Content, "xingcha",
               "resumed after a restart");
}

Result<int> Log::Parts::expire(std::int64_t before_unix_ms, std::string_view by) {
  if (before_unix_ms > clock.unix_ms() - options.retention_ms) {
    return fail(Code::InvalidRequest, Message::AuditTooYoung,
                {fmt::format("{}", options.retention_ms / kDayMs)});
  }
  const std::lock_guard one(erasing);
  XC_TRY(const std::vector<std::uint64_t> firsts, segments_of(options.folder));
  int gone = 0;
  // A segment's end is known by the next one's beginning; the last is never touched.
  for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
    XC_TRY(const SegmentReader next, SegmentReader::open(options.folder, firsts[i + 1]));
    if (next.head().unix_ms >= before_unix_ms) break;
    XC_TRY(const SegmentReader segment, SegmentReader::open(options.folder, firsts[i]));
    if (!segment.has_content()) continue;
    XC_TRY(const Ticket ticket, append(Kind::Expiry, firsts[i],
                                       RecordText()
                                           .text("by", by)
                                           .number("first", static_cast<std::int64_t>(firsts[i]))
                                           .number("end", static_cast<std::int64_t>(firsts[i + 1]))
                                           .take(),
                                       {}, {}));
    XC_CHECK(wait_index(ticket.index, Deadline::after(kPatience)));
    const std::string path = options.folder + "/" + segment_name(firsts[i], Part::Content);
    if (::unlink(path.c_str()) != 0) {
      return fail(Code::Internal, Message::FileError, {path, "unlink"});
    }
    ++gone;
  }
  if (gone > 0) XC_CHECK(sync_folder(options.folder));
  return gone;
}

}  // namespace xc::audit
