// The bytes of a segment: two files that only grow, NNN.leaves (kept for ever) and NNN.content
// (records and contents; may be erased), NNN being the first leaf's index in 20 digits. Pure.
// docs/formats/audit.md has the tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/record.h"

namespace xc::audit {

inline constexpr std::size_t kSegmentHeadBytes = 64;
inline constexpr std::size_t kLeafFrameBytes = 72;
inline constexpr std::size_t kContentHeadBytes = 40;  // with the salt

// `before`: the checksum of what stands in front.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
// The same on any processor; crc32c takes the fastest way there is.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

enum class Part : std::uint32_t { Leaves = 1, Content = 2 };

struct SegmentHead {
  Part part = Part::Leaves;
  Profile profile = Profile::Sha256Ed25519;
  LogId log{};
  std::uint64_t first = 0;
  std::int64_t unix_ms = 0;
};
std::string bytes_of(const SegmentHead& head);
std::optional<SegmentHead> segment_head_of(std::string_view bytes);
std::string segment_name(std::uint64_t first, Part part);
// The first leaf that a file named like this has; nothing for other names.
std::optional<std::uint64_t> first_of_name(std::string_view name, Part part);

struct LeafFrame {
  Leaf leaf;
  std::uint64_t content_at = 0;  // of its record's frame in the content file; not hashed
};
void append_frame(std::string& out, const LeafFrame& frame);
// Nothing when the checksum is wrong or the kind unknown.
std::optional<LeafFrame> leaf_frame_of(std::string_view bytes);

enum class Body : std::uint8_t { Record = 1, Content = 2 };

struct ContentHead {
  Body body = Body::Record;
  bool erased = false;
  std::uint64_t index = 0;
  std::uint32_t length = 0;  // of the text
  std::uint32_t crc = 0;     // of salt and text
  Salt salt{};
};
void append_frame(std::string& out, Body body, std::uint64_t index, const Salt& salt,
                  std::string_view text);
// A frame of the same length with zeros for salt and text.
std::string erased_frame(const ContentHead& head);
// Reads the first 40 bytes. Nothing when they are fewer or not whole.
std::optional<ContentHead> content_head_of(std::string_view bytes);
bool whole(const ContentHead& head, std::string_view text);

}  // namespace xc::audit
