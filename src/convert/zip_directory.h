// The directory of a ZIP archive whose entries are stored as they are (APPNOTE 6.3, 4.3 and 4.5.3;
// ZIP64 included): where each entry's bytes lie in the file, so that they can be used in place.
// Nothing is believed: every length is checked against the file, and compressed or encrypted
// entries are refused. Check sums are not compared. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::convert {

struct ZipEntry {
  std::uint64_t begin = 0, bytes = 0;  // in the file
};
using ZipDirectory = std::map<std::string, ZipEntry, std::less<>>;

// `bytes` is the whole file. Error: BadCheckpoint {name, reason, naming the entry}.
Result<ZipDirectory> read_zip_directory(std::string_view bytes, const std::string& name);

}  // namespace xc::convert
