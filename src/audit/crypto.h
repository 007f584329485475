// Hashes and signatures of the audit log. A whole log uses one profile: SHA-256 with Ed25519, or
// the Chinese commercial algorithms SM3 with SM2. Keys are PEM (PKCS #8 and SubjectPublicKeyInfo),
// so `openssl pkeyutl` can check a head without this program.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::audit {

enum class Profile : std::uint8_t { Sha256Ed25519 = 1, Sm3Sm2 = 2 };
std::string_view name_of(Profile profile);  // "sha256-ed25519", "sm3-sm2"
std::optional<Profile> profile_of(std::string_view name);

using Digest = std::array<std::uint8_t, 32>;
using LogId = std::array<std::uint8_t, 16>;
using Salt = std::array<std::uint8_t, 16>;

template <std::size_t N>
std::string_view view_of(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

// The hash of the parts one after the other. Thread-safe; allocates once a thread.
Digest digest_of(Profile profile, std::initializer_list<std::string_view> parts);

// Copies share the key. Thread-safe.
class PublicKey {
 public:
  // Error: BadAuditKey.
  static Result<PublicKey> from_pem(std::string_view pem);
  Profile profile() const { return profile_; }
  // The first 16 bytes of the profile's hash of the DER form: a log is named after its key.
  const LogId& log_id() const { return log_id_; }
  const std::string& pem() const { return pem_; }
  bool verify(std::string_view text, std::string_view signature) const;

 private:
  friend class PrivateKey;
  PublicKey() = default;
  std::shared_ptr<void> key_;
  Profile profile_ = Profile::Sha256Ed25519;
  LogId log_id_{};
  std::string pem_;
};

// Copies share the key. Thread-safe.
class PrivateKey {
 public:
  static Result<PrivateKey> make(Profile profile);
  static Result<PrivateKey> from_pem(std::string_view pem);  // Error: BadAuditKey
  const PublicKey& public_key() const { return public_key_; }
  std::string pem() const;
  // Ed25519: 64 bytes; SM2 (identity 1234567812345678, GM/T 0009): DER, about 71 bytes.
  Result<std::string> sign(std::string_view text) const;
  // 32 bytes that only the holder of the key can compute; `purpose` separates uses.
  Digest secret(std::string_view purpose) const;

 private:
  PrivateKey() = default;
  static Result<PrivateKey> from_key(std::shared_ptr<void> key);
  std::shared_ptr<void> key_;
  PublicKey public_key_;
};

}  // namespace xc::audit
