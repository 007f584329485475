#include "engine/chunks/kv_bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace xc::engine {
namespace {

std::size_t resident_bytes() {
  std::size_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*s %zu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * 4096;
}

TEST(KvBytes, hold_what_is_written_whatever_their_size) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, kHugePageBytes - 1,
                                 kHugePageBytes, kHugePageBytes + 1, 3 * kHugePageBytes + 5000}) {
    KvBytes bytes(size);
    std::memset(bytes.data(), 7, size);
    bytes.back() = std::byte{9};
    KvBytes copy = bytes;
    copy.resize(size + kHugePageBytes);  // moves
    EXPECT_EQ(copy[0], size > 1 ? std::byte{7} : std::byte{9});
    EXPECT_EQ(copy[size - 1], std::byte{9});
    copy.resize(size);
    EXPECT_EQ(copy, bytes);
  }
}

TEST(KvBytes, large_pieces_begin_at_a_huge_page) {
  const KvBytes bytes(2 * kHugePageBytes + 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % kHugePageBytes, 0u);
}

TEST(KvBytes, are_in_memory_when_written_and_gone_when_freed) {
  constexpr std::size_t kSize = 32 * kHugePageBytes;
  const std::size_t before = resident_bytes();
  {
    KvBytes bytes(kSize);
    EXPECT_LT(resident_bytes(), before + kSize / 2);  // nobody filled it
    std::memset(bytes.data(), 1, kSize);
    EXPECT_GT(resident_bytes(), before + kSize / 2);
  }
  EXPECT_LT(resident_bytes(), before + kSize / 2);
}

}  // namespace
}  // namespace xc::engine
