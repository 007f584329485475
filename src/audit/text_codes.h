// Hexadecimal, base64url without padding, decimal and JSON strings: the texts that heads, receipts
// and exports are made of. Decoders are strict: every value has exactly one spelling.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xc::audit {

std::string hex_of(std::string_view bytes);
std::optional<std::string> bytes_of_hex(std::string_view hex);  // lower case only
std::string base64_of(std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
std::optional<std::string> bytes_of_base64(std::string_view text);
std::optional<std::uint64_t> number_of(std::string_view decimal);  // no sign, no leading zero

// "…" with \" \\ and \u00xx for control characters; other bytes stay as they are.
void append_json_text(std::string& out, std::string_view text);

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> array_of(const std::optional<std::string>& bytes) {
  if (!bytes || bytes->size() != N) return std::nullopt;
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>((*bytes)[i]);
  return out;
}

// Reads a text from the front; the first thing that does not fit makes everything after fail.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : rest_(text) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }
  std::string_view rest() const { return rest_; }
  bool literal(std::string_view expected);
  bool skip(std::string_view maybe);  // when it comes next
  std::string_view until(char end);   // up to `end`, which is taken too
  std::uint64_t number();             // decimal digits
  std::string json_text();            // what append_json_text wrote
  template <std::size_t N>
  std::array<std::uint8_t, N> hex() {  // 2 N digits in quotes
    literal("\"");
    const auto value = array_of<N>(bytes_of_hex(until('"')));
    if (!value) ok_ = false;
    return value.value_or(std::array<std::uint8_t, N>{});
  }
  void refuse() { ok_ = false; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace xc::audit
