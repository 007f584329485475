#include "identity/key_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"

namespace xc::identity {

KeyHash hash_of(std::string_view key) {
  // Looked up once: OpenSSL 3's SHA256() searches its providers on each call, which costs more than
  // the hash of a key does, and a key is hashed with every request.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  XC_ASSERT(sha256 != nullptr);
  KeyHash hash{};
  const int done = EVP_Digest(key.data(), key.size(), hash.data(), nullptr, sha256, nullptr);
  XC_ASSERT(done == 1);
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
