#include "convert/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace {

constexpr std::uint64_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56;
constexpr std::uint64_t kCentralBytes = 46, kLocalBytes = 30;
constexpr std::uint64_t kCommentMax = 65'535;
constexpr std::uint32_t kEndMark = 0x06054b50, kLocatorMark = 0x07064b50, kEnd64Mark = 0x06064b50;
constexpr std::uint32_t kCentralMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr std::uint64_t kIn64 = 0xffffffff;  // the number is in the ZIP64 field
constexpr std::uint16_t kExtra64 = 1, kEncrypted = 1;

// Fields of fixed places; the caller has checked that they lie inside.
std::uint64_t number(std::string_view bytes, std::uint64_t at, int width) {
  std::uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::uint64_t>(i)]);
  }
  return value;
}

bool has(std::string_view bytes, std::uint64_t at, std::uint64_t count) {
  return at <= bytes.size() && count <= bytes.size() - at;
}

struct Directory {
  std::uint64_t begin = 0, bytes = 0, entries = 0;
};

// The record at the end: behind it only a comment, so it is searched for backwards.
Result<Directory> find_directory(std::string_view bytes, const std::string& name) {
  const auto bad = [&name](const char* why) { return bad_checkpoint(name, why); };
  if (bytes.size() < kEndBytes) return bad("it is no zip archive: too short");
  std::uint64_t at = bytes.size() - kEndBytes;
  const std::uint64_t last = at > kCommentMax ? at - kCommentMax : 0;
  while (number(bytes, at, 4) != kEndMark) {
    if (at == last) return bad("it is no zip archive, as torch.save writes since PyTorch 1.6");
    --at;
  }
  Directory found{number(bytes, at + 16, 4), number(bytes, at + 12, 4), number(bytes, at + 10, 2)};
  const bool wide = found.begin == kIn64 || found.bytes == kIn64 || found.entries == 0xffff;
  if (wide) {
    if (at < kLocatorBytes || number(bytes, at - kLocatorBytes, 4) != kLocatorMark) {
      return bad("its ZIP64 directory is missing");
    }
    const std::uint64_t end64 = number(bytes, at - kLocatorBytes + 8, 8);
    if (!has(bytes, end64, kEnd64Bytes) || number(bytes, end64, 4) != kEnd64Mark) {
      return bad("its ZIP64 directory is outside the file");
    }
    found = {number(bytes, end64 + 48, 8), number(bytes, end64 + 40, 8),
             number(bytes, end64 + 32, 8)};
  }
  if (!has(bytes, found.begin, found.bytes)) return bad("its directory is outside the file");
  if (found.entries > limits::kCheckpointTensorsMax) return bad("it has too many entries");
  return found;
}

// One entry of the central directory; offsets beyond 4 GiB are in its extra field.
struct Central {
  std::string_view name;
  std::uint64_t bytes = 0, packed = 0, local = 0, next = 0;
  bool stored = false;
};

// False: it does not lie inside the directory.
bool read_central(std::string_view directory, std::uint64_t at, Central& out) {
  if (!has(directory, at, kCentralBytes) || number(directory, at, 4) != kCentralMark) return false;
  const std::uint64_t name = number(directory, at + 28, 2), extra = number(directory, at + 30, 2);
  const std::uint64_t comment = number(directory, at + 32, 2);
  if (!has(directory, at + kCentralBytes, name + extra + comment)) return false;
  out.stored = number(directory, at + 10, 2) == 0 && !(number(directory, at + 8, 2) & kEncrypted);
  out.packed = number(directory, at + 20, 4);
  out.bytes = number(directory, at + 24, 4);
  out.local = number(directory, at + 42, 4);
  out.name = directory.substr(at + kCentralBytes, name);
  out.next = at + kCentralBytes + name + extra + comment;
  std::uint64_t field = at + kCentralBytes + name;
  const std::uint64_t end = field + extra;
  while (end - field >= 4) {
    const std::uint64_t size = number(directory, field + 2, 2);
    if (size > end - field - 4) return false;
    if (number(directory, field, 2) == kExtra64) {
      std::uint64_t value = field + 4;
      for (std::uint64_t* wide : {&out.bytes, &out.packed, &out.local}) {
        if (*wide != kIn64) continue;
        if (value + 8 > field + 4 + size) return false;
        *wide = number(directory, value, 8);
        value += 8;
      }
    }
    field += 4 + size;
  }
  return true;
}

}  // namespace

Result<ZipDirectory> read_zip_directory(std::string_view bytes, const std::string& name) {
  XC_TRY(const Directory found, find_directory(bytes, name));
  const std::string_view directory = bytes.substr(found.begin, found.bytes);
  ZipDirectory entries;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < found.entries; ++i) {
    Central entry;
    if (!read_central(directory, at, entry)) {
      return bad_checkpoint(name, fmt::format("entry {} of its directory is cut off", i));
    }
    at = entry.next;
    const auto bad = [&](const char* why) {
      return bad_checkpoint(name, fmt::format("entry '{}': {}", entry.name, why));
    };
    if (!entry.stored || entry.packed != entry.bytes) return bad("it is compressed or encrypted");
    if (!has(bytes, entry.local, kLocalBytes) || number(bytes, entry.local, 4) != kLocalMark) {
      return bad("its header is outside the file");
    }
    const std::uint64_t begin = entry.local + kLocalBytes + number(bytes, entry.local + 26, 2) +
                                number(bytes, entry.local + 28, 2);
    if (!has(bytes, begin, entry.bytes)) return bad("it ends outside the file");
    if (!entries.emplace(entry.name, ZipEntry{begin, entry.bytes}).second) {
      return bad("it is there twice");
    }
  }
  return entries;
}

}  // namespace xc::convert
