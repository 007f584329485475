#include "audit/text_codes.h"

#include <algorithm>
#include <charconv>

#include "base/byte_scan.h"

namespace xc::audit {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int digit_of(std::string_view alphabet, char c) {
  const std::size_t at = alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string hex_of(std::string_view bytes) {
  std::string hex(bytes.size() * 2, '\0');
  std::size_t at = 0;
  for (const char c : bytes) {
    hex[at++] = kHex[static_cast<unsigned char>(c) >> 4];
    hex[at++] = kHex[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit_of(kHex, hex[i]), low = digit_of(kHex, hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string base64_of(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

void append_base64(std::string& text, std::string_view bytes) {
  const std::size_t begin = text.size();
  text.resize(begin + (bytes.size() * 4 + 2) / 3);
  char* out = text.data() + begin;
  const auto byte = [bytes](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(bytes[i])};
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const int shift : {18, 12, 6, 0}) *out++ = kBase64[bits >> shift & 63];
  }
  if (i == bytes.size()) return;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t bits = byte(i) << 16 | (two ? byte(i + 1) << 8 : 0);
  *out++ = kBase64[bits >> 18];
  *out++ = kBase64[bits >> 12 & 63];
  if (two) *out++ = kBase64[bits >> 6 & 63];
}

std::optional<std::string> bytes_of_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int digit = digit_of(kBase64, c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes += static_cast<char>(bits >> have & 255);
    }
  }
  // Unused bits must be zero and fewer than a digit: otherwise two texts had one meaning.
  if (have >= 6 || (bits & ((1u << have) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::optional<std::uint64_t> number_of(std::string_view decimal) {
  std::uint64_t value = 0;
  const char* end = decimal.data() + decimal.size();
  const auto [stop, error] = std::from_chars(decimal.data(), end, value);
  const bool padded = decimal.size() > 1 && decimal.front() == '0';
  if (error != std::errc() || stop != end || decimal.empty() || padded) return std::nullopt;
  return value;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // where the bytes begin that go as they are
  for (std::size_t i = 0; (i = find_not_plain(text, i)) < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    if (c < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += '\\';
      out += text[i];
    }
  }
  out.append(text, plain);
  out += '"';
}

bool TextCursor::literal(std::string_view expected) {
  if (ok_ && rest_.starts_with(expected)) {
    rest_.remove_prefix(expected.size());
  } else {
    ok_ = false;
  }
  return ok_;
}

bool TextCursor::skip(std::string_view maybe) {
  if (!ok_ || !rest_.starts_with(maybe)) return false;
  rest_.remove_prefix(maybe.size());
  return true;
}

std::string_view TextCursor::until(char end) {
  const std::size_t at = rest_.find(end);
  if (!ok_ || at == std::string_view::npos) {
    ok_ = false;
    return {};
  }
  const std::string_view text = rest_.substr(0, at);
  rest_.remove_prefix(at + 1);
  return text;
}

std::uint64_t TextCursor::number() {
  const auto other =
      std::find_if(rest_.begin(), rest_.end(), [](char c) { return c < '0' || c > '9'; });
  const std::string_view digits = rest_.substr(0, static_cast<std::size_t>(other - rest_.begin()));
  const auto value = number_of(digits);
  if (!ok_ || !value) {
    ok_ = false;
    return 0;
  }
  rest_.remove_prefix(digits.size());
  return *value;
}

std::string TextCursor::json_text() {
  std::string text;
  literal("\"");
  while (ok_) {
    const std::size_t plain = rest_.find_first_of("\"\\");
    if (plain == std::string_view::npos) break;
    text += rest_.substr(0, plain);
    rest_.remove_prefix(plain);
    if (skip("\"")) return text;
    if (skip("\\u00")) {
      const auto byte = bytes_of_hex(rest_.substr(0, 2));
      if (!byte || byte->size() != 1 || static_cast<unsigned char>(byte->front()) >= 0x20) break;
      text += *byte;
      rest_.remove_prefix(2);
    } else if (skip("\\\"")) {
      text += '"';
    } else if (skip("\\\\")) {
      text += '\\';
    } else {
      break;
    }
  }
  ok_ = false;
  return {};
}

}  // namespace xc::audit
