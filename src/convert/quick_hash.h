// A fast check sum of 64 bits for bytes that come in pieces: tells torn and missing writes from
// whole ones, which is all that the converter's journal asks. Not for bytes of an adversary.
// The pieces matter for speed only. Pure; not thread-safe.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace xc::convert {

class QuickHash {
 public:
  void add(std::string_view bytes) {
    length_ += bytes.size();
    while (!bytes.empty()) {
      if (filled_ == 0 && bytes.size() >= sizeof block_) {
        mix(bytes.data());
        bytes.remove_prefix(sizeof block_);
        continue;
      }
      const std::size_t take = std::min(sizeof block_ - filled_, bytes.size());
      std::memcpy(block_ + filled_, bytes.data(), take);
      bytes.remove_prefix(take);
      filled_ += take;
      if (filled_ == sizeof block_) {
        mix(block_);
        filled_ = 0;
      }
    }
  }
  // 16 lower-case hex digits; call once.
  std::string finish() {
    std::memset(block_ + filled_, 0, sizeof block_ - filled_);
    mix(block_);
    std::uint64_t hash = length_;
    for (const std::uint64_t lane : lanes_) hash = (std::rotl(hash, 29) ^ lane) * kPrime;
    return fmt::format("{:016x}", hash ^ (hash >> 32));
  }

 private:
  static constexpr std::uint64_t kPrime = 0x9e37'79b9'7f4a'7c15u;
  // Four lanes, so that the multiplications overlap.
  void mix(const char* bytes) {
    for (int i = 0; i < 4; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i * 8, sizeof word);
      lanes_[i] = std::rotl((lanes_[i] ^ word) * kPrime, 31);
    }
  }

  std::uint64_t lanes_[4] = {1, 2, 3, 4};
  std::uint64_t length_ = 0;
  char block_[32] = {};
  std::size_t filled_ = 0;
};

}  // namespace xc::convert
