// The cryptography of the chunk store; the only file of the engine that calls OpenSSL. Pure and
// thread-safe. Two ciphers: AES-256-GCM, and SM4-CTR with HMAC-SM3 (encrypt, then MAC) where
// Chinese commercial cryptography is asked for. OpenSSL has SM4-GCM only from 3.1 on; a file must
// be readable with every OpenSSL 3, so it is not used.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/aead.h"

namespace xc::engine {

using crypto::Bytes;
using crypto::bytes_of;
using crypto::derive;
using crypto::Digest;
using crypto::sha256;
using Nonce = std::array<std::uint8_t, 16>;

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
