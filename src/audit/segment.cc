#include "audit/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "audit/text_codes.h"
#include "base/limits.h"

namespace xc::audit {
namespace {

constexpr std::string_view kMagic = "XCAUDIT\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kNameDigits = 20;
constexpr std::size_t kHeadChecked = 20;  // bytes of a content head under its own checksum

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

template <typename T>
void append_int(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  out.append(bytes, sizeof(T));
}

template <typename T>
T int_at(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

std::string_view suffix_of(Part part) { return part == Part::Leaves ? ".leaves" : ".content"; }

std::uint32_t body_crc(const Salt& salt, std::string_view text) {
  return crc32c(text, crc32c(view_of(salt)));
}

void append_head(std::string& out, const ContentHead& head) {
  const std::size_t begin = out.size();
  append_int<std::uint32_t>(out, head.length);
  out += static_cast<char>(head.body);
  out += head.erased ? '\1' : '\0';
  out.append(2, '\0');
  append_int<std::uint64_t>(out, head.index);
  append_int<std::uint32_t>(out, head.crc);
  append_int<std::uint32_t>(out, crc32c(std::string_view(out).substr(begin)));
  out += view_of(head.salt);
}

#if defined(__x86_64__)
// The processor's own instruction: 8 bytes at once. Without it the checksums take as long as the
// hashes.
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::string_view bytes,
                                                             std::uint32_t before) {
  std::uint64_t value = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof(eight));
    value = __builtin_ia32_crc32di(value, eight);
  }
  auto last = static_cast<std::uint32_t>(value);
  for (const char c : bytes) last = __builtin_ia32_crc32qi(last, static_cast<unsigned char>(c));
  return ~last;
}
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return crc32c_sse42(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) {
  std::uint32_t value = ~before;
  for (const char c : bytes) {
    value = (value >> 8) ^ kCrcTable[(value ^ static_cast<unsigned char>(c)) & 255];
  }
  return ~value;
}

std::string bytes_of(const SegmentHead& head) {
  std::string out(kMagic);
  append_int<std::uint32_t>(out, kVersion);
  append_int<std::uint32_t>(out, static_cast<std::uint32_t>(head.profile));
  append_int<std::uint32_t>(out, static_cast<std::uint32_t>(head.part));
  append_int<std::uint32_t>(out, 0);
  out += view_of(head.log);
  append_int<std::uint64_t>(out, head.first);
  append_int<std::uint64_t>(out, static_cast<std::uint64_t>(head.unix_ms));
  append_int<std::uint32_t>(out, 0);
  append_int<std::uint32_t>(out, crc32c(out));
  return out;
}

std::optional<SegmentHead> segment_head_of(std::string_view bytes) {
  if (bytes.size() < kSegmentHeadBytes) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeadBytes);
  SegmentHead head;
  head.profile = static_cast<Profile>(int_at<std::uint32_t>(bytes, 12));
  head.part = static_cast<Part>(int_at<std::uint32_t>(bytes, 16));
  head.log = *array_of<16>(std::string(bytes.substr(24, 16)));
  head.first = int_at<std::uint64_t>(bytes, 40);
  head.unix_ms = static_cast<std::int64_t>(int_at<std::uint64_t>(bytes, 48));
  const bool known =
      int_at<std::uint32_t>(bytes, 12) - 1 < 2 && int_at<std::uint32_t>(bytes, 16) - 1 < 2;
  // Written again it must be the same bytes: magic, version, gaps and checksum in one comparison.
  if (!known || bytes_of(head) != bytes) return std::nullopt;
  return head;
}

std::string segment_name(std::uint64_t first, Part part) {
  return fmt::format("{:020}{}", first, suffix_of(part));
}

std::optional<std::uint64_t> first_of_name(std::string_view name, Part part) {
  if (name.size() != kNameDigits + suffix_of(part).size() || !name.ends_with(suffix_of(part))) {
    return std::nullopt;
  }
  std::string_view digits = name.substr(0, kNameDigits);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), kNameDigits - 1));
  return number_of(digits);
}

void append_frame(std::string& out, const LeafFrame& frame) {
  const std::size_t begin = out.size();
  out += view_of(bytes_of(frame.leaf));
  out.append(3, '\0');
  append_int<std::uint64_t>(out, frame.content_at);
  append_int<std::uint32_t>(out, crc32c(std::string_view(out).substr(begin)));
}

std::optional<LeafFrame> leaf_frame_of(std::string_view bytes) {
  if (bytes.size() != kLeafFrameBytes) return std::nullopt;
  const std::size_t checked = kLeafFrameBytes - 4;
  if (int_at<std::uint32_t>(bytes, checked) != crc32c(bytes.substr(0, checked)))
    return std::nullopt;
  if (bytes.substr(kLeafBytes, 3) != std::string_view("\0\0\0", 3)) return std::nullopt;
  const auto leaf = leaf_of(bytes.substr(0, kLeafBytes));
  if (!leaf) return std::nullopt;
  return LeafFrame{*leaf, int_at<std::uint64_t>(bytes, kLeafBytes + 3)};
}

void append_frame(std::string& out, Body body, std::uint64_t index, const Salt& salt,
                  std::string_view text) {
  append_head(out, ContentHead{body, false, index, static_cast<std::uint32_t>(text.size()),
                               body_crc(salt, text), salt});
  out += text;
}

std::string erased_frame(const ContentHead& head) {
  const std::string zeros(head.length, '\0');
  std::string out;
  append_head(
      out, ContentHead{head.body, true, head.index, head.length, body_crc(Salt{}, zeros), Salt{}});
  return out + zeros;
}

std::optional<ContentHead> content_head_of(std::string_view bytes) {
  if (bytes.size() < kContentHeadBytes) return std::nullopt;
  if (int_at<std::uint32_t>(bytes, kHeadChecked) != crc32c(bytes.substr(0, kHeadChecked))) {
    return std::nullopt;
  }
  ContentHead head;
  head.length = int_at<std::uint32_t>(bytes, 0);
  head.body = static_cast<Body>(bytes[4]);
  head.erased = bytes[5] != 0;
  head.index = int_at<std::uint64_t>(bytes, 8);
  head.crc = int_at<std::uint32_t>(bytes, 16);
  head.salt = *array_of<16>(std::string(bytes.substr(24, 16)));
  const bool known = head.body == Body::Record || head.body == Body::Content;
  const std::size_t longest =
      head.body == Body::Record ? limits::kAuditRecordBytesMax : limits::kAuditContentBytesMax;
  const bool plain = static_cast<unsigned char>(bytes[5]) < 2 && bytes[6] == 0 && bytes[7] == 0;
  if (!known || !plain || head.length > longest) return std::nullopt;
  return head;
}

bool whole(const ContentHead& head, std::string_view text) {
  return text.size() == head.length && body_crc(head.salt, text) == head.crc;
}

}  // namespace xc::audit
