// Reads one member out of a wheel (a ZIP archive) without installing anything. Stored and deflated
// members up to 4 GiB; ZIP64, encryption and several volumes are refused. Every length is checked
// against the file before use; the CRC is checked. Blocking; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/file.h"

namespace xc::catalog {

struct WheelMember {
  std::uint64_t header_offset = 0;
  std::uint64_t packed_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;
  std::uint16_t method = 0;
};

// Gets the member's bytes in order; an error stops the reading and is returned.
using ByteSink = std::function<Status(std::string_view bytes)>;

// Errors: FileError with the archive's path and what is wrong.
Result<WheelMember> find_member(const File& wheel, std::string_view name);
Status read_member(const File& wheel, const WheelMember& member, const ByteSink& sink);

}  // namespace xc::catalog
