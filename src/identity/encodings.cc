#include "identity/encodings.h"

#include <fmt/core.h>

#include <cstdint>

namespace xc::identity {
namespace {

constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kUsual =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encoded(std::string_view bytes, std::string_view alphabet) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    held += 8;
    for (; held >= 6; held -= 6) out += alphabet[bits >> (held - 6) & 63];
    bits &= (1u << held) - 1;
  }
  if (held > 0) out += alphabet[bits << (6 - held) & 63];
  return out;
}

}  // namespace

std::string base64url_of(std::string_view bytes) { return encoded(bytes, kUrl); }

std::optional<std::string> bytes_of_base64url(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = kUrl.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
    bits &= (1u << held) - 1;
  }
  if (held == 6 || bits != 0) return std::nullopt;
  return out;
}

std::string base64_of(std::string_view bytes) {
  std::string out = encoded(bytes, kUsual);
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace xc::identity
