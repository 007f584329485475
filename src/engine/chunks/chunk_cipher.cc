#include "engine/chunks/chunk_cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/assert.h"

namespace xc::engine {
namespace {

constexpr std::size_t kGcmTagBytes = 16;
constexpr std::size_t kSm3Bytes = 32;
constexpr std::size_t kSm4KeyBytes = 16;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using CipherHandle = std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>>;
using DigestHandle = std::unique_ptr<EVP_MD, Freer<EVP_MD_free>>;
using MacHandle = std::unique_ptr<EVP_MAC, Freer<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;

const unsigned char* in(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
// OpenSSL counts in int; chunks are far below (limits::kChunkBytesMax).
bool fits(Bytes bytes) { return bytes.size() <= std::numeric_limits<int>::max(); }
int count(Bytes bytes) { return static_cast<int>(bytes.size()); }

// 32 bytes with either digest.
Digest hmac(const char* digest, const Digest& secret, std::string_view label) {
  Digest result{};
  std::size_t length = 0;
  const auto* text = reinterpret_cast<const unsigned char*>(label.data());
  const unsigned char* made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, secret.data(), secret.size(), text,
                label.size(), result.data(), result.size(), &length);
  XC_ASSERT(made != nullptr && length == result.size());
  return result;
}

bool seal_gcm(const Digest& secret, const Nonce& nonce, Bytes header, std::span<std::byte> body,
              std::span<std::byte> tag) {
  const Digest key = derive(secret, "aes-256-gcm");
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  int n = 0;
  return ctx &&
         EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
         EVP_EncryptUpdate(ctx.get(), nullptr, &n, in(header), count(header)) == 1 &&
         EVP_EncryptUpdate(ctx.get(), out(body), &n, in(body), count(body)) == 1 &&
         EVP_EncryptFinal_ex(ctx.get(), out(body) + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kGcmTagBytes, out(tag)) == 1;
}

bool unseal_gcm(const Digest& secret, const Nonce& nonce, Bytes header, std::span<std::byte> body,
                Bytes tag) {
  const Digest key = derive(secret, "aes-256-gcm");
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  std::array<unsigned char, kGcmTagBytes> expected{};
  std::copy_n(in(tag), expected.size(), expected.begin());
  int n = 0;
  return ctx &&
         EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
         EVP_DecryptUpdate(ctx.get(), nullptr, &n, in(header), count(header)) == 1 &&
         EVP_DecryptUpdate(ctx.get(), out(body), &n, in(body), count(body)) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagBytes, expected.data()) == 1 &&
         EVP_DecryptFinal_ex(ctx.get(), out(body) + n, &n) == 1;
}

// The same operation in both directions.
bool sm4_ctr(const Digest& secret, const Nonce& nonce, std::span<std::byte> body) {
  const Digest key = hmac("SM3", secret, "sm4-ctr");  // the first 16 of its bytes
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
  const Digest key = hmac("SM3", secret, "hmac-sm3");
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

Digest sha256(std::initializer_list<Bytes> parts) {
  const DigestContext ctx(EVP_MD_CTX_new());
  XC_ASSERT(ctx && EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr) == 1);
  for (const Bytes part : parts) {
    XC_ASSERT(EVP_DigestUpdate(ctx.get(), part.data(), part.size()) == 1);
  }
  Digest digest{};
  XC_ASSERT(EVP_DigestFinal_ex(ctx.get(), digest.data(), nullptr) == 1);
  return digest;
}

Digest derive(const Digest& secret, std::string_view label) {
  return hmac("SHA256", secret, label);
}

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
  return cipher == ChunkCipher::Aes256Gcm ? 12 : std::tuple_size_v<Nonce>;
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
  if (cipher == ChunkCipher::Aes256Gcm) return seal_gcm(secret, nonce, header, body, tag);
  std::array<unsigned char, kSm3Bytes> mac{};
  if (!sm4_ctr(secret, nonce, body) || !mac_sm3(secret, header, body, mac)) return false;
  std::copy(mac.begin(), mac.end(), out(tag));
  return true;
}

bool unseal(ChunkCipher cipher, const Digest& secret, const Nonce& nonce, Bytes header,
            std::span<std::byte> body, Bytes tag) {
  if (!available(cipher) || !fits(header) || !fits(body)) return false;
  XC_ASSERT(tag.size() == tag_bytes(cipher));
  if (cipher == ChunkCipher::Aes256Gcm) return unseal_gcm(secret, nonce, header, body, tag);
  std::array<unsigned char, kSm3Bytes> mac{};
  return mac_sm3(secret, header, body, mac) &&
         CRYPTO_memcmp(mac.data(), tag.data(), mac.size()) == 0 && sm4_ctr(secret, nonce, body);
}

}  // namespace xc::engine
