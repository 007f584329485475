// What every user of OpenSSL's EVP needs: owners of its handles, and bytes as it wants them. For
// .cc files that include OpenSSL.
#pragma once

#include <limits>
#include <span>

#include "base/freer.h"
#include "crypto/aead.h"

namespace xc::crypto {

using xc::Freer;

inline const unsigned char* in(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
// OpenSSL counts in int.
inline bool fits(Bytes bytes) { return bytes.size() <= std::numeric_limits<int>::max(); }
inline int count(Bytes bytes) { return static_cast<int>(bytes.size()); }

}  // namespace xc::crypto
