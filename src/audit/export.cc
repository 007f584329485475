#include "audit/export.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "audit/heads_file.h"
#include "audit/log_files.h"
#include "audit/text_codes.h"

namespace xc::audit {
namespace {

constexpr std::size_t kFramesAtOnce = 1'024;
constexpr std::size_t kSinkBytes = 256 * 1024;

using EachSegment = std::function<Status(const SegmentReader&)>;
using EachEntry = std::function<Status(Entry&&)>;

Status walk_segment(const SegmentReader& reader, std::uint64_t first, std::uint64_t end,
                    Texts texts, const EachEntry& each) {
  for (std::uint64_t at = first; at < end;) {
    const std::size_t want = std::min<std::uint64_t>(end - at, kFramesAtOnce);
    XC_TRY(const std::string bytes, reader.frames_at(at - reader.first(), want));
    for (std::size_t i = 0; i < want; ++i, ++at) {
      const std::string_view frame_bytes = std::string_view(bytes).substr(
          std::min(i * kLeafFrameBytes, bytes.size()), kLeafFrameBytes);
      const auto frame = leaf_frame_of(frame_bytes);
      if (!frame || frame->leaf.index != at) {
        return fail(Code::Internal, Message::AuditDamaged,
                    {segment_name(reader.first(), Part::Leaves), fmt::format("#{}", at)});
      }
      XC_TRY(Entry entry, reader.entry(*frame, texts));
      XC_CHECK(each(std::move(entry)));
    }
  }
  return {};
}

Status walk(const std::string& folder, const ExportOptions& options, std::uint64_t end,
            const EachSegment& segment, const EachEntry& each) {
  const Texts texts = options.with_content ? Texts::All : Texts::RecordOnly;
  const std::uint64_t first = options.first;
  XC_TRY(const std::vector<std::uint64_t> firsts, segments_of(folder));
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const std::uint64_t stop = i + 1 < firsts.size() ? std::min(firsts[i + 1], end) : end;
    if (stop <= first || firsts[i] >= end) continue;
    XC_TRY(const SegmentReader reader, SegmentReader::open(folder, firsts[i]));
    XC_CHECK(segment(reader));
    XC_CHECK(walk_segment(reader, std::max(first, firsts[i]), stop, texts, each));
  }
  return {};
}

// Collects small lines into large pieces.
class Collector {
 public:
  explicit Collector(const Sink& sink) : sink_(sink) {}
  Status add(std::string_view text) {
    block_ += text;
    return block_.size() < kSinkBytes ? Status() : flush();
  }
  Status flush() {
    auto done = sink_(block_);
    block_.clear();
    return done;
  }

 private:
  const Sink& sink_;
  std::string block_;
};

void append_csv(std::string& out, std::string_view text) {
  out += '"';
  // Spreadsheets run what begins like this.
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
    out += '\'';
  }
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string csv_of(const Entry& entry) {
  const Leaf& leaf = entry.leaf;
  std::string out =
      fmt::format("{},{},{},{},{},{},", leaf.index, name_of(leaf.kind),
                  leaf.partner == kNoPartner ? std::string() : fmt::format("{}", leaf.partner),
                  leaf.unix_ms, hex_of(view_of(leaf.commitment)), name_of(entry.record.fate));
  append_csv(out, entry.record.text);
  out += fmt::format(",{},", name_of(entry.content.fate));
  append_csv(out, entry.content.text);
  return out + "\r\n";
}

Status check_range(const ExportOptions& options, const SignedHead& head) {
  if (options.first < head.size) return {};
  return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", options.first)});
}

// Takes the content out, or says that it goes out.
void account_for(const ExportOptions& options, Entry& entry) {
  if (entry.content.fate != Fate::Kept) return;
  if (!options.with_content) {
    entry.content = Piece{Fate::Gone, {}, {}};
  } else if (options.on_content) {
    options.on_content(entry);
  }
}

}  // namespace

Status export_json_lines(const std::string& folder, const PublicKey& key, const SignedHead& head,
                         const ExportOptions& options, const Sink& sink) {
  XC_CHECK(check_range(options, head));
  XC_TRY(const File tree, File::open(tree_path(folder), O_RDONLY));
  Collector out(sink);
  ExportLine begin;
  begin.header = ExportHeader{key.pem(), options.first, head.size, {}};
  XC_TRY(begin.header->peaks, peaks_at(node_reader(tree), options.first));
  XC_CHECK(out.add(text_of(begin) + "\n"));
  const EachSegment segment = [&](const SegmentReader& reader) {
    ExportLine line;
    line.segment = ExportSegment{reader.first(), reader.has_content()};
    return out.add(text_of(line) + "\n");
  };
  const EachEntry each = [&](Entry&& entry) {
    account_for(options, entry);
    ExportLine line;
    line.entry = std::move(entry);
    return out.add(text_of(line) + "\n");
  };
  XC_CHECK(walk(folder, options, head.size, segment, each));
  ExportLine end;
  end.head = head;
  XC_CHECK(out.add(text_of(end) + "\n"));
  return out.flush();
}

Status export_csv(const std::string& folder, const SignedHead& head, const ExportOptions& options,
                  const Sink& sink) {
  XC_CHECK(check_range(options, head));
  Collector out(sink);
  XC_CHECK(
      out.add("leaf,kind,partner,time_ms,commitment,record_fate,record,content_fate,content\r\n"));
  const EachEntry each = [&](Entry&& entry) {
    const std::int64_t time = entry.leaf.unix_ms;
    if (time < options.from_unix_ms || time >= options.to_unix_ms) return Status();
    account_for(options, entry);
    return out.add(csv_of(entry));
  };
  XC_CHECK(walk(folder, options, head.size, [](const SegmentReader&) { return Status(); }, each));
  return out.flush();
}

Result<SignedHead> newest_head(const std::string& folder, const PublicKey& key) {
  auto head = latest_of(folder);
  if (head && verify(*head, key)) return std::move(*head);
  return fail(Code::Internal, Message::AuditDamaged, {folder + "/latest", "signature"});
}

}  // namespace xc::audit
