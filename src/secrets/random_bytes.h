// Keys and nonces out of the injected source of randomness.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/id.h"

namespace xc::secrets {

// An array of bytes, all of them random.
template <typename Bytes>
Bytes random_bytes(RandomSource& random) {
  Bytes bytes{};
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random.next();
    std::memcpy(bytes.data() + at, &bits, std::min(sizeof(bits), bytes.size() - at));
  }
  return bytes;
}

}  // namespace xc::secrets
