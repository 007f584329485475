// How far a text goes on as it is: eight bytes at a time, for loops that copy runs. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace xc {
namespace byte_scan {

inline constexpr std::uint64_t kOnes = 0x0101010101010101;
inline constexpr std::uint64_t kHighs = 0x8080808080808080;

// Not zero when a byte of `eight` is below `limit` (at most 0x80).
constexpr std::uint64_t below(std::uint64_t eight, unsigned limit) {
  return (eight - kOnes * limit) & ~eight & kHighs;
}
constexpr std::uint64_t equal(std::uint64_t eight, char c) {
  return below(eight ^ (kOnes * static_cast<unsigned char>(c)), 1);
}

// The first byte from `at` of which `one` holds; text.size() when there is none. `any` says of
// eight bytes whether one may be among them.
template <typename Any, typename One>
std::size_t find(std::string_view text, std::size_t at, Any any, One one) {
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, sizeof(eight));
    if (any(eight) != 0) break;
  }
  while (at < text.size() && !one(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

}  // namespace byte_scan

// The first byte from `at` that is not ASCII as JSON's strings have it: a control, a quote, a
// backslash, or a part of a longer character. text.size() when there is none.
inline std::size_t find_not_plain(std::string_view text, std::size_t at = 0) {
  return byte_scan::find(
      text, at,
      [](std::uint64_t eight) {
        return byte_scan::below(eight, 0x20) | (eight & byte_scan::kHighs) |
               byte_scan::equal(eight, '"') | byte_scan::equal(eight, '\\');
      },
      [](unsigned char c) { return c < 0x20 || c >= 0x80 || c == '"' || c == '\\'; });
}

// The first control (below 0x20, or 0x7f) from `at`; text.size() when there is none.
inline std::size_t find_control(std::string_view text, std::size_t at = 0) {
  return byte_scan::find(
      text, at,
      [](std::uint64_t eight) {
        return byte_scan::below(eight, 0x20) | byte_scan::equal(eight, '\x7f');
      },
      [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// The first '\r' or '\n'; npos when there is none. Linear whatever the text: looking for each of
// the two alone is not.
inline std::size_t find_line_end(std::string_view text) {
  const std::size_t at = byte_scan::find(
      text, 0,
      [](std::uint64_t eight) {
        return byte_scan::equal(eight, '\r') | byte_scan::equal(eight, '\n');
      },
      [](unsigned char c) { return c == '\r' || c == '\n'; });
  return at == text.size() ? std::string_view::npos : at;
}

}  // namespace xc
