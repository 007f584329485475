// Reads little-endian values from bytes and never past their end. The first failure sticks: later
// reads return zero, so a parser may read several values and ask ok() once. Not thread-safe;
// borrows the bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace xc::catalog {

static_assert(std::endian::native == std::endian::little, "GGUF is read by memcpy");

class GgufCursor {
 public:
  explicit GgufCursor(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T read() {
    T value{};
    if (!need(sizeof(T))) return value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  // A length of 8 bytes, then as many bytes; refuses lengths above `bytes_max`.
  std::string_view read_string(std::uint64_t bytes_max) {
    const std::uint64_t start = at_;
    const auto length = read<std::uint64_t>();
    if (!ok()) return {};
    if (length > bytes_max) {
      fail_at(start, "a string is longer than " + std::to_string(bytes_max) + " bytes");
      return {};
    }
    if (!need(length)) return {};
    const std::string_view text = bytes_.substr(at_, length);
    at_ += length;
    return text;
  }
  void skip(std::uint64_t length) {
    if (need(length)) at_ += length;
  }

  void fail_at(std::uint64_t at, std::string reason) {
    if (!ok()) return;
    reason_ = std::move(reason);
    failed_at_ = at;
  }
  void fail(std::string reason) { fail_at(at_, std::move(reason)); }

  bool ok() const { return reason_.empty(); }
  bool truncated() const { return truncated_; }  // the failure was the end of the bytes
  std::uint64_t at() const { return at_; }
  std::uint64_t failed_at() const { return failed_at_; }
  const std::string& reason() const { return reason_; }

 private:
  bool need(std::uint64_t length) {
    if (!ok()) return false;
    if (length <= bytes_.size() - at_) return true;
    truncated_ = true;
    fail_at(at_, "the file ends inside the header");
    return false;
  }

  std::string_view bytes_;
  std::uint64_t at_ = 0;
  std::uint64_t failed_at_ = 0;
  bool truncated_ = false;
  std::string reason_;
};

}  // namespace xc::catalog
