#include "schema/utf8.h"

#include <cstdint>
#include <cstring>

namespace xc::schema {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Length that a first byte announces; 0 for a byte that cannot start a character.
std::size_t announced_length(unsigned lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // continuation bytes, and C0 C1 that only overlong forms use
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// The second byte is where overlong forms, surrogates and values above U+10FFFF show.
bool second_fits(unsigned lead, unsigned second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second < 0xC0;
    case 0xED:
      return second >= 0x80 && second < 0xA0;
    case 0xF0:
      return second >= 0x90 && second < 0xC0;
    case 0xF4:
      return second >= 0x80 && second < 0x90;
    default:
      return (second & 0xC0) == 0x80;
  }
}

// How many bytes from `at` agree with one character, and how many it would need.
struct Match {
  std::size_t have;
  std::size_t need;  // 0: no character starts here
};

Match match(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const std::size_t need = announced_length(lead);
  if (need == 0) return {0, 0};
  std::size_t have = 1;
  while (have < need && at + have < text.size()) {
    const unsigned next = byte_at(text, at + have);
    if (have == 1 ? !second_fits(lead, next) : (next & 0xC0) != 0x80) return {0, 0};
    ++have;
  }
  return {have, need};
}

}  // namespace

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at a time: request bodies are mostly that.
    std::uint64_t word = 0;
    while (at + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    const std::size_t length = character_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

std::size_t character_length(std::string_view text, std::size_t at) {
  if (at >= text.size()) return 0;
  const Match found = match(text, at);
  return found.have == found.need ? found.need : 0;
}

std::size_t incomplete_suffix(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const unsigned byte = byte_at(text, text.size() - back);
    if ((byte & 0xC0) == 0x80) continue;  // inside a character: look for its first byte
    const Match found = match(text, text.size() - back);
    return found.need != 0 && found.have == back && found.have < found.need ? back : 0;
  }
  return 0;
}

}  // namespace xc::schema
