// The verifier over JSON lines that export_json_lines made.
#include <fmt/format.h>

#include "audit/checker.h"
#include "audit/export.h"
#include "audit/lines.h"
#include "audit/verify_source.h"
#include "base/limits.h"

namespace xc::audit {
namespace {

// Every byte of a content may be escaped with six.
constexpr std::size_t kLineBytesMax =
    6 * (limits::kAuditContentBytesMax + limits::kAuditRecordBytesMax);

std::unexpected<Error> bad_line(const std::string& path, std::uint64_t line, std::string what) {
  return fail(Code::InvalidRequest, Message::BadAuditFile,
              {path, fmt::format("{}", line), std::move(what)});
}

void take_line(Checker& checker, const ExportLine& line, std::uint64_t begin, std::uint64_t end,
               std::uint64_t number) {
  if (line.segment) {
    const std::uint64_t first = line.segment->first;
    // Only the first segment may begin before the export does.
    const bool fits = first == checker.size() || (checker.size() == begin && first < begin);
    if (!fits && checker.in_order()) {
      checker.fault(FaultKind::BadFile, checker.size(), fmt::format("line {}: segment", number));
    }
    checker.segment(first, line.segment->has_content);
  }
  if (line.entry) {
    checker.leaf(view_of(bytes_of(line.entry->leaf)), end, nullptr);
    checker.entry(*line.entry);
  }
  if (line.head) checker.head(*line.head, fmt::format("line {}", number));
}

}  // namespace

Result<Findings> verify_export(const std::string& path, const VerifyOptions& options) {
  XC_TRY(LineReader lines, LineReader::open(path, kLineBytesMax));
  XC_TRY(const auto first, lines.next());
  const auto begin = first ? export_line_of(*first) : std::nullopt;
  if (!begin || !begin->header) return bad_line(path, 1, "header");
  const ExportHeader& header = *begin->header;
  std::optional<PublicKey> key = options.key;
  if (!key) {
    XC_TRY(key, PublicKey::from_pem(header.key_pem));
  }
  auto frontier = Frontier::from_peaks(key->profile(), header.first, header.peaks);
  if (!frontier) return bad_line(path, 1, "peaks");
  Checker checker(*key, options);
  checker.begin(std::move(*frontier));
  if (header.key_pem != key->pem()) {
    checker.fault(FaultKind::BadFile, header.first, "made with another key");
  }
  bool ended = false;
  for (;;) {
    XC_TRY(const auto text, lines.next());
    if (!text) break;
    const auto line = export_line_of(*text);
    if (!line || line->header) {
      checker.fault(FaultKind::BadFile, checker.size(),
                    fmt::format("line {} cannot be read", lines.number()));
      continue;
    }
    if (ended) {
      checker.fault(FaultKind::Inserted, checker.size(),
                    fmt::format("line {} after the head", lines.number()));
    }
    ended = ended || line->head.has_value();
    take_line(checker, *line, header.first, header.end, lines.number());
  }
  if (lines.rest_bytes() > 0) {
    checker.fault(FaultKind::BadFile, checker.size(), "half a line at the end");
  }
  if (checker.size() < header.end) {
    checker.fault(FaultKind::Cut, checker.size(), fmt::format("{} leaves announced", header.end),
                  header.end - checker.size());
  }
  return checker.finish(false, 0);
}

}  // namespace xc::audit
