// Public keys of a provider (RFC 7517 JWK sets) and signatures over tokens (RFC 7518 §3).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::identity {

// What an ID token may be signed with. HMAC and "none" are none of these: the first would let
// anybody who knows the client secret make users, the second anybody.
enum class SignAlgorithm : std::uint8_t { Rs256, Ps256, Es256 };
std::optional<SignAlgorithm> algorithm_of(std::string_view name);  // "RS256" …

// Never changes; copies share the keys. Thread-safe.
class KeySet {
 public:
  KeySet() = default;
  // The keys that can verify one of the algorithms: RSA of 2,048 … 8,192 bits, P-256. Others (for
  // encryption, of other curves, too weak, not readable) are left out: providers publish such
  // beside the right ones. Error: OidcBadReply when it is no JWK set, or one of more than
  // limits::kOidcKeysMax keys.
  static Result<KeySet> parse(std::string_view json);

  std::size_t size() const { return keys_.size(); }
  // Whether the token's header names one. Without a kid the only key of the algorithm is meant
  // (OpenID Connect Core 1.0 §10.1); of several none is.
  bool has(SignAlgorithm algorithm, std::string_view kid) const;
  // ES256: r and s, 32 bytes each. False when there is no such key.
  bool verify(SignAlgorithm algorithm, std::string_view kid, std::string_view text,
              std::string_view signature) const;

 private:
  struct Key {
    std::string kid;
    std::optional<SignAlgorithm> only;  // the key's own "alg"
    bool elliptic = false;
    std::shared_ptr<void> key;  // EVP_PKEY
  };
  const Key* find(SignAlgorithm algorithm, std::string_view kid) const;
  static std::optional<Key> key_of(const void* object);
  std::vector<Key> keys_;
};

}  // namespace xc::identity
