#include "identity/key_hash.h"

// For SHA256_Init and its like.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/assert.h"

namespace xc::identity {

// OpenSSL 3's SHA256() and EVP_Digest search providers and make a state on each call, which costs
// more than the hash of a key does, and a key is hashed with every request.
KeyHash hash_of(std::string_view key) {
  KeyHash hash{};
  SHA256_CTX state;
  const bool done = SHA256_Init(&state) == 1 &&
                    SHA256_Update(&state, key.data(), key.size()) == 1 &&
                    SHA256_Final(hash.data(), &state) == 1;
  XC_ASSERT(done);
  return hash;
}

std::string hex_of(const KeyHash& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(hash.size() * 2);
  for (const std::uint8_t byte : hash) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::optional<KeyHash> hash_of_hex(std::string_view hex) {
  KeyHash hash{};
  if (hex.size() != hash.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    const int value = digit ? c - '0' : c - 'a' + 10;
    hash[i / 2] = static_cast<std::uint8_t>(hash[i / 2] << 4 | value);
  }
  return hash;
}

bool same(const KeyHash& a, const KeyHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace xc::identity
