// Small secrets as text that can lie in a database:
//
//   sealed:1:HEX   HEX = nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes), AES-256-GCM
//
// `context` is authenticated with it: a text that is moved to another row does not open there.
// Pure; thread-safe.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/aead.h"

namespace xc::crypto {

using GcmNonce = std::array<std::uint8_t, kGcmNonceBytes>;

bool is_sealed(std::string_view text);
// `nonce`: random, never twice under one key. Nothing when OpenSSL fails.
std::optional<std::string> seal_text(const Digest& key, const GcmNonce& nonce,
                                     std::string_view context, std::string_view text);
// Nothing: sealed with another key or for another context, damaged, or not sealed at all.
std::optional<std::string> unseal_text(const Digest& key, std::string_view context,
                                       std::string_view sealed);

}  // namespace xc::crypto
