// The cryptography of the chunk store; the only file of the engine that calls OpenSSL. Pure and
// thread-safe. Two ciphers: AES-256-GCM, and SM4-CTR with HMAC-SM3 (encrypt, then MAC) where
// Chinese commercial cryptography is asked for. OpenSSL has SM4-GCM only from 3.1 on; a file must
// be readable with every OpenSSL 3, so it is not used.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace xc::engine {

using Bytes = std::span<const std::byte>;
using Digest = std::array<std::uint8_t, 32>;
using Nonce = std::array<std::uint8_t, 16>;

template <typename T>
Bytes bytes_of(const T& container) {
  return std::as_bytes(std::span(container));
}

// Of the parts one after the other.
Digest sha256(std::initializer_list<Bytes> parts);
// HMAC-SHA-256 of a label: a key for one purpose out of one secret.
Digest derive(const Digest& secret, std::string_view label);

enum class ChunkCipher : std::uint32_t { Aes256Gcm = 1, Sm4CtrHmacSm3 = 2 };

// 0 for a number that is no cipher.
std::size_t tag_bytes(ChunkCipher cipher);
// Leading bytes of the nonce that the cipher uses; the others are zero.
std::size_t nonce_bytes(ChunkCipher cipher);
// False where this OpenSSL was built without it.
bool available(ChunkCipher cipher);

// Encrypts `body` in place and writes its tag; `header` is authenticated too. A nonce must never
// come twice under one secret. False: OpenSSL failed, body is garbage.
bool seal(ChunkCipher cipher, const Digest& secret, const Nonce& nonce, Bytes header,
          std::span<std::byte> body, std::span<std::byte> tag);
// The reverse. False: not authentic, body is garbage.
bool unseal(ChunkCipher cipher, const Digest& secret, const Nonce& nonce, Bytes header,
            std::span<std::byte> body, Bytes tag);

}  // namespace xc::engine
