#include <fmt/format.h>

#include "audit/export.h"
#include "audit/text_codes.h"
#include "base/limits.h"

namespace xc::audit {
namespace {

// What a missing text is said to be.
constexpr Fate kFates[] = {Fate::Erased, Fate::Gone, Fate::Damaged};

std::string text_of(const ExportHeader& header) {
  std::string out = R"({"xingcha_audit":1,"key":)";
  append_json_text(out, header.key_pem);
  out += fmt::format(R"(,"first":{},"end":{},"peaks":[)", header.first, header.end);
  for (std::size_t i = 0; i < header.peaks.size(); ++i) {
    out += fmt::format(R"({}"{}")", i == 0 ? "" : ",", hex_of(view_of(header.peaks[i])));
  }
  return out + "]}";
}

std::string text_of(const Entry& entry) {
  const Leaf& leaf = entry.leaf;
  std::string out = fmt::format(
      R"({{"leaf":{},"kind":"{}","partner":{},"time_ms":{},"commitment":"{}")", leaf.index,
      name_of(leaf.kind), leaf.partner == kNoPartner ? "null" : fmt::format("{}", leaf.partner),
      leaf.unix_ms, hex_of(view_of(leaf.commitment)));
  if (entry.content.fate == Fate::Kept) {
    out += fmt::format(R"(,"content_salt":"{}","content":)", hex_of(view_of(entry.content.salt)));
    append_json_text(out, entry.content.text);
  } else if (entry.content.fate != Fate::None) {
    out += fmt::format(R"(,"content_fate":"{}")", name_of(entry.content.fate));
  }
  if (entry.record.fate == Fate::Kept) {
    // The record stands there byte for byte: what was hashed.
    out += fmt::format(R"(,"salt":"{}","record":{})", hex_of(view_of(entry.record.salt)),
                       entry.record.text);
  } else {
    out += fmt::format(R"(,"record_fate":"{}")", name_of(entry.record.fate));
  }
  return out + "}";
}

void read_fate(TextCursor& text, Piece& piece) {
  const std::string_view name = text.until('"');
  for (const Fate fate : kFates) {
    if (name_of(fate) == name) piece.fate = fate;
  }
}

std::optional<ExportHeader> header_of(TextCursor& text) {
  ExportHeader header;
  text.literal(R"(1,"key":)");
  header.key_pem = text.json_text();
  text.literal(R"(,"first":)");
  header.first = text.number();
  text.literal(R"(,"end":)");
  header.end = text.number();
  text.literal(R"(,"peaks":[)");
  while (text.ok() && header.peaks.size() < 64 && !text.skip("]")) {
    if (!header.peaks.empty()) text.literal(",");
    header.peaks.push_back(text.hex<32>());
  }
  text.literal("}");
  return text.at_end() ? std::optional(header) : std::nullopt;
}

void read_leaf(TextCursor& text, Leaf& leaf) {
  leaf.index = text.number();
  text.literal(R"(,"kind":")");
  const auto kind = kind_of(text.until('"'));
  if (!kind) return text.refuse();
  leaf.kind = *kind;
  text.literal(R"(,"partner":)");
  leaf.partner = text.skip("null") ? kNoPartner : text.number();
  text.literal(R"(,"time_ms":)");
  const bool negative = text.skip("-");
  const auto time = static_cast<std::int64_t>(text.number());
  leaf.unix_ms = negative ? -time : time;
  text.literal(R"(,"commitment":)");
  leaf.commitment = text.hex<32>();
}

std::optional<Entry> entry_of(TextCursor& text) {
  Entry entry;
  read_leaf(text, entry.leaf);
  if (text.skip(R"(,"content_salt":)")) {
    entry.content.fate = Fate::Kept;
    entry.content.salt = text.hex<16>();
    text.literal(R"(,"content":)");
    entry.content.text = text.json_text();
  } else if (text.skip(R"(,"content_fate":")")) {
    read_fate(text, entry.content);
  }
  if (text.skip(R"(,"record_fate":")")) {
    read_fate(text, entry.record);
    text.literal("}");
    return text.at_end() ? std::optional(entry) : std::nullopt;
  }
  text.literal(R"(,"salt":)");
  entry.record.fate = Fate::Kept;
  entry.record.salt = text.hex<16>();
  text.literal(R"(,"record":)");
  if (!text.ok() || !text.rest().ends_with('}')) return std::nullopt;
  entry.record.text = text.rest().substr(0, text.rest().size() - 1);
  return entry;
}

}  // namespace

std::string text_of(const ExportLine& line) {
  if (line.header) return text_of(*line.header);
  if (line.segment) {
    return fmt::format(R"({{"segment":{},"content":{}}})", line.segment->first,
                       line.segment->has_content);
  }
  if (line.entry) return text_of(*line.entry);
  return line.head ? fmt::format(R"({{"head":"{}"}})", text_of(*line.head)) : std::string();
}

std::optional<ExportLine> export_line_of(std::string_view text) {
  ExportLine line;
  TextCursor cursor(text);
  if (cursor.skip(R"({"leaf":)")) {
    line.entry = entry_of(cursor);
  } else if (cursor.skip(R"({"head":")")) {
    line.head = head_of(cursor.until('"'));
  } else if (cursor.skip(R"({"segment":)")) {
    line.segment.emplace();
    line.segment->first = cursor.number();
    cursor.literal(R"(,"content":)");
    line.segment->has_content = cursor.skip("true");
  } else if (cursor.skip(R"({"xingcha_audit":)")) {
    line.header = header_of(cursor);
  }
  // What was read must say the same again: nothing can hide between the members.
  const bool found = line.entry || line.head || line.segment || line.header;
  if (!found || text_of(line) != text) return std::nullopt;
  return line;
}

}  // namespace xc::audit
