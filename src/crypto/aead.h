// Hashes, keys derived from keys, and AES-256-GCM: what several rooms seal things with. Pure and
// thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace xc::crypto {

using Bytes = std::span<const std::byte>;
using Digest = std::array<std::uint8_t, 32>;
inline constexpr std::size_t kGcmTagBytes = 16;
inline constexpr std::size_t kGcmNonceBytes = 12;

template <typename T>
Bytes bytes_of(const T& container) {
  return std::as_bytes(std::span(container));
}

// Of the parts one after the other.
Digest sha256(std::initializer_list<Bytes> parts);
// HMAC of a label with an OpenSSL digest of 32 bytes ("SHA256", "SM3"), which must be there.
Digest hmac(const char* digest, const Digest& secret, std::string_view label);
// HMAC-SHA-256 of a label: a key for one purpose out of one secret.
Digest derive(const Digest& secret, std::string_view label);

// Encrypts `body` in place and writes its tag; `header` is authenticated too. A nonce must never
// come twice under one key. False: OpenSSL failed, body is garbage. Each at most 2 GiB.
bool seal_gcm(const Digest& key, std::span<const std::uint8_t, kGcmNonceBytes> nonce, Bytes header,
              std::span<std::byte> body, std::span<std::byte, kGcmTagBytes> tag);
// The reverse. False: not authentic, body is garbage.
bool unseal_gcm(const Digest& key, std::span<const std::uint8_t, kGcmNonceBytes> nonce,
                Bytes header, std::span<std::byte> body,
                std::span<const std::byte, kGcmTagBytes> tag);

}  // namespace xc::crypto
