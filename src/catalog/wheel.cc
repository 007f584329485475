#include "catalog/wheel.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace xc::catalog {
namespace {

// Sizes and field offsets of PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
constexpr std::size_t kEndBytes = 22, kEntryBytes = 46, kLocalBytes = 30, kCommentBytesMax = 65'535;
constexpr std::uint32_t kEndMark = 0x06054b50, kEntryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr std::uint32_t kZip64 = 0xffffffff;
constexpr std::uint16_t kStored = 0, kDeflated = 8, kEncryptedFlag = 1;
constexpr std::uint64_t kDirectoryBytesMax = 16u << 20;  // a wheel of 65,535 names has 8 MiB
constexpr std::size_t kChunkBytes = 256 * 1024;

std::uint16_t u16(std::string_view bytes, std::size_t at) {
  std::uint16_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
std::uint32_t u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::unexpected<Error> bad_wheel(const File& wheel, std::string why) {
  return fail(Code::Upstream, Message::FileError, {wheel.path(), std::move(why)});
}

Result<std::string> read_range(const File& wheel, std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  for (std::size_t got = 0; got < length;) {
    XC_TRY(const std::size_t n, wheel.read_at(offset + got, bytes.data() + got, length - got));
    if (n == 0) return bad_wheel(wheel, "the archive is cut short");
    got += n;
  }
  return bytes;
}

// The central directory's bytes.
Result<std::string> read_directory(const File& wheel) {
  XC_TRY(const FileStamp stamp, wheel.stamp());
  if (stamp.bytes < kEndBytes) return bad_wheel(wheel, "it is no ZIP archive");
  const std::uint64_t tail_bytes =
      std::min<std::uint64_t>(stamp.bytes, kEndBytes + kCommentBytesMax);
  const std::uint64_t tail_at = stamp.bytes - tail_bytes;
  XC_TRY(const std::string tail, read_range(wheel, tail_at, tail_bytes));
  std::size_t end = tail.size() - kEndBytes;
  while (u32(tail, end) != kEndMark) {
    if (end == 0) return bad_wheel(wheel, "it is no ZIP archive");
    --end;
  }
  if (u16(tail, end + 4) != 0 || u16(tail, end + 6) != 0) {
    return bad_wheel(wheel, "it has several volumes");
  }
  const std::uint64_t length = u32(tail, end + 12), offset = u32(tail, end + 16);
  if (u16(tail, end + 10) == 0xffff || length == kZip64 || offset == kZip64) {
    return bad_wheel(wheel, "it is a ZIP64 archive");
  }
  if (length > kDirectoryBytesMax || offset + length > tail_at + end) {
    return bad_wheel(wheel, "its directory lies outside of it");
  }
  return read_range(wheel, offset, length);
}

// Feeds packed bytes to inflate and its output to the sink; counts and checks both.
class Unpacker {
 public:
  Unpacker(const File& wheel, const WheelMember& member, const ByteSink& sink)
      : wheel_(wheel), member_(member), sink_(sink) {
    ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK;  // negative: raw deflate, as in ZIP
  }
  ~Unpacker() {
    if (ready_) inflateEnd(&stream_);
  }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  Status add(std::string_view packed) {
    if (member_.method == kStored) return put(packed);
    if (!ready_) return bad_wheel(wheel_, "inflate cannot start");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    int state = Z_OK;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      state = inflate(&stream_, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
        return bad_wheel(wheel_, "a member's compressed data is damaged");
      }
      XC_CHECK(put(std::string_view(out_).substr(0, out_.size() - stream_.avail_out)));
    } while (state == Z_OK && stream_.avail_out == 0);
    return {};
  }
  Status finish() const {
    if (bytes_ != member_.bytes) return bad_wheel(wheel_, "a member is shorter than it says");
    if (crc_ != member_.crc) return bad_wheel(wheel_, "a member's checksum is wrong");
    return {};
  }

 private:
  Status put(std::string_view bytes) {
    bytes_ += bytes.size();
    if (bytes_ > member_.bytes) return bad_wheel(wheel_, "a member is longer than it says");
    crc_ = static_cast<std::uint32_t>(
        crc32(crc_, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
    return bytes.empty() ? Status() : sink_(bytes);
  }

  const File& wheel_;
  const WheelMember& member_;
  const ByteSink& sink_;
  z_stream stream_{};
  bool ready_ = false;
  std::string out_ = std::string(kChunkBytes, '\0');
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace

Result<WheelMember> find_member(const File& wheel, std::string_view name) {
  XC_TRY(const std::string directory, read_directory(wheel));
  std::size_t at = 0;
  while (at + kEntryBytes <= directory.size() && u32(directory, at) == kEntryMark) {
    const std::size_t name_bytes = u16(directory, at + 28);
    const std::size_t after =
        at + kEntryBytes + name_bytes + u16(directory, at + 30) + u16(directory, at + 32);
    if (after > directory.size()) break;
    if (std::string_view(directory).substr(at + kEntryBytes, name_bytes) != name) {
      at = after;
      continue;
    }
    const WheelMember member{u32(directory, at + 42), u32(directory, at + 20),
                             u32(directory, at + 24), u32(directory, at + 16),
                             u16(directory, at + 10)};
    if ((u16(directory, at + 8) & kEncryptedFlag) != 0) {
      return bad_wheel(wheel, "a member is encrypted");
    }
    if (member.header_offset == kZip64 || member.packed_bytes == kZip64 || member.bytes == kZip64) {
      return bad_wheel(wheel, "a member is in ZIP64 form");
    }
    if (member.method != kStored && member.method != kDeflated) {
      return bad_wheel(wheel, "a member is packed by method " + std::to_string(member.method));
    }
    return member;
  }
  return bad_wheel(wheel, "it has no member " + std::string(name));
}

Status read_member(const File& wheel, const WheelMember& member, const ByteSink& sink) {
  XC_TRY(const std::string local, read_range(wheel, member.header_offset, kLocalBytes));
  if (u32(local, 0) != kLocalMark) return bad_wheel(wheel, "a member is not where it should be");
  std::uint64_t at = member.header_offset + kLocalBytes + u16(local, 26) + u16(local, 28);
  Unpacker unpacker(wheel, member, sink);
  for (std::uint64_t left = member.packed_bytes; left > 0;) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunkBytes));
    XC_TRY(const std::string packed, read_range(wheel, at, length));
    XC_CHECK(unpacker.add(packed));
    at += length;
    left -= length;
  }
  return unpacker.finish();
}

}  // namespace xc::catalog
