#include "engine/chunks/chunk_cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "crypto/evp.h"

namespace xc::engine {
namespace {

using crypto::count;
using crypto::fits;
using crypto::Freer;
using crypto::in;
using crypto::kGcmTagBytes;
using crypto::out;
constexpr std::size_t kSm3Bytes = 32;
constexpr std::size_t kSm4KeyBytes = 16;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using CipherHandle = std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>>;
using DigestHandle = std::unique_ptr<EVP_MD, Freer<EVP_MD_free>>;
using MacHandle = std::unique_ptr<EVP_MAC, Freer<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;

constexpr std::string_view kGcmLabel = "aes-256-gcm";
using GcmTag = std::span<std::byte, kGcmTagBytes>;

std::span<const std::uint8_t, crypto::kGcmNonceBytes> gcm_nonce(const Nonce& nonce) {
  return std::span(nonce).first<crypto::kGcmNonceBytes>();
}

// The same operation in both directions.
bool sm4_ctr(const Digest& secret, const Nonce& nonce, std::span<std::byte> body) {
  const Digest key = crypto::hmac("SM3", secret, "sm4-ctr");  // the first 16 of its bytes
  static_assert(kSm4KeyBytes <= std::tuple_size_v<Digest>);
  const CipherHandle sm4(EVP_CIPHER_fetch(nullptr, "SM4-CTR", nullptr));
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  int n = 0;
  return sm4 && ctx &&
         EVP_EncryptInit_ex(ctx.get(), sm4.get(), nullptr, key.data(), nonce.data()) == 1 &&
         EVP_EncryptUpdate(ctx.get(), out(body), &n, in(body), count(body)) == 1;
}

// Over header and ciphertext; the header holds the lengths and the nonce.
bool mac_sm3(const Digest& secret, Bytes header, Bytes body,
             std::array<unsigned char, kSm3Bytes>& tag) {
  const Digest key = crypto::hmac("SM3", secret, "hmac-sm3");
  const MacHandle mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (!mac) return false;
  const MacContext ctx(EVP_MAC_CTX_new(mac.get()));
  char digest[] = "SM3";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  std::size_t length = 0;
  return ctx && EVP_MAC_init(ctx.get(), key.data(), key.size(), params) == 1 &&
         EVP_MAC_update(ctx.get(), in(header), header.size()) == 1 &&
         EVP_MAC_update(ctx.get(), in(body), body.size()) == 1 &&
         EVP_MAC_final(ctx.get(), tag.data(), &length, tag.size()) == 1 && length == tag.size();
}

}  // namespace

std::size_t tag_bytes(ChunkCipher cipher) {
  switch (cipher) {
    case ChunkCipher::Aes256Gcm:
      return kGcmTagBytes;
    case ChunkCipher::Sm4CtrHmacSm3:
      return kSm3Bytes;
  }
  return 0;
}

std::size_t nonce_bytes(ChunkCipher cipher) {
  return cipher == ChunkCipher::Aes256Gcm ? crypto::kGcmNonceBytes : std::tuple_size_v<Nonce>;
}

bool available(ChunkCipher cipher) {
  if (cipher == ChunkCipher::Aes256Gcm) return true;
  const CipherHandle sm4(EVP_CIPHER_fetch(nullptr, "SM4-CTR", nullptr));
  const DigestHandle sm3(EVP_MD_fetch(nullptr, "SM3", nullptr));
  return cipher == ChunkCipher::Sm4CtrHmacSm3 && sm4 && sm3;
}

bool seal(ChunkCipher cipher, const Digest& secret, const Nonce& nonce, Bytes header,
          std::span<std::byte> body, std::span<std::byte> tag) {
  if (!available(cipher) || !fits(header) || !fits(body)) return false;
  XC_ASSERT(tag.size() == tag_bytes(cipher));
  if (cipher == ChunkCipher::Aes256Gcm) {
    return crypto::seal_gcm(derive(secret, kGcmLabel), gcm_nonce(nonce), header, body, GcmTag(tag));
  }
  std::array<unsigned char, kSm3Bytes> mac{};
  if (!sm4_ctr(secret, nonce, body) || !mac_sm3(secret, header, body, mac)) return false;
  std::copy(mac.begin(), mac.end(), out(tag));
  return true;
}

bool unseal(ChunkCipher cipher, const Digest& secret, const Nonce& nonce, Bytes header,
            std::span<std::byte> body, Bytes tag) {
  if (!available(cipher) || !fits(header) || !fits(body)) return false;
  XC_ASSERT(tag.size() == tag_bytes(cipher));
  if (cipher == ChunkCipher::Aes256Gcm) {
    return crypto::unseal_gcm(derive(secret, kGcmLabel), gcm_nonce(nonce), header, body,
                              tag.first<kGcmTagBytes>());
  }
  std::array<unsigned char, kSm3Bytes> mac{};
  return mac_sm3(secret, header, body, mac) &&
         CRYPTO_memcmp(mac.data(), tag.data(), mac.size()) == 0 && sm4_ctr(secret, nonce, body);
}

}  // namespace xc::engine
