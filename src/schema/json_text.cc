#include "schema/json_text.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/byte_scan.h"
#include "schema/json_reader.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

void append_control(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t start = 0;  // of the run that is copied as it is
  std::size_t at = 0;
  while ((at = find_not_plain(text, at)) < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = c < 0x80 ? 0 : character_length(text, at);
    if (length != 0) {
      at += length;
      continue;
    }
    out.append(text, start, at - start);
    if (c < 0x80) {
      append_control(out, c);
    } else {
      out += "\xEF\xBF\xBD";  // U+FFFD
    }
    start = ++at;
  }
  out.append(text, start, at - start);
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

void append_number(std::string& out, std::int64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void append_raw(std::string& out, std::string_view json, std::string_view otherwise) {
  out += read_json(json) ? json : otherwise;
}

std::string& JsonWriter::key(std::string_view name) {
  std::string_view before = ",\"";
  if (std::exchange(first_, false)) before.remove_prefix(1);
  char text[64];
  if (name.size() + 4 > sizeof(text)) {
    out_ += before;
    out_ += name;
    out_ += "\":";
    return out_;
  }
  // In one piece: each += looks for room by itself.
  char* to = std::ranges::copy(before, text).out;
  to = std::ranges::copy(name, to).out;
  *to++ = '"';
  *to++ = ':';
  out_.append(text, static_cast<std::size_t>(to - text));
  return out_;
}

}  // namespace xc::schema
