// A log as text for others: JSON lines, which can be verified offline, and CSV for spreadsheets.
// Reads the folder only, in bounded memory; a running log may go on writing.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/head.h"
#include "audit/segment_reader.h"

namespace xc::audit {

struct ExportOptions {
  std::uint64_t first = 0;   // leaves [first, head.size)
  bool with_content = true;  // prompts and answers, where they are kept
  // Hears of every leaf whose content goes out.
  std::function<void(const Entry&)> on_content = {};
  std::int64_t from_unix_ms = std::numeric_limits<std::int64_t>::min();  // CSV only
  std::int64_t to_unix_ms = std::numeric_limits<std::int64_t>::max();    // CSV only; exclusive
};

// Gets the text in pieces; its error stops the export.
using Sink = std::function<Status(std::string_view)>;

// `head`: of the folder's log (Log::head(), or newest_head()). Error: FileError, AuditDamaged,
// AuditNoLeaf.
Status export_json_lines(const std::string& folder, const PublicKey& key, const SignedHead& head,
                         const ExportOptions& options, const Sink& sink);
// With a first line of column names. Contents that a spreadsheet would take for a formula get a '
// in front.
Status export_csv(const std::string& folder, const SignedHead& head, const ExportOptions& options,
                  const Sink& sink);
// The head in `latest`. Error: AuditDamaged when it is not signed by the key.
Result<SignedHead> newest_head(const std::string& folder, const PublicKey& key);

struct ExportHeader {
  std::string key_pem;
  std::uint64_t first = 0, end = 0;
  std::vector<Digest> peaks;  // of the leaves before `first`
};
struct ExportSegment {
  std::uint64_t first = 0;
  bool has_content = true;
};
// One line of the JSON lines, without its newline. Exactly one member is there.
struct ExportLine {
  std::optional<ExportHeader> header;
  std::optional<ExportSegment> segment;
  std::optional<Entry> entry;
  std::optional<SignedHead> head;
};
std::string text_of(const ExportLine& line);
// Strict: text_of of the result is `text` again.
std::optional<ExportLine> export_line_of(std::string_view text);

}  // namespace xc::audit
