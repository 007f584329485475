#include "crypto/aead.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "crypto/evp.h"

namespace xc::crypto {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;

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

Digest derive(const Digest& secret, std::string_view label) {
  return hmac("SHA256", secret, label);
}

bool seal_gcm(const Digest& key, std::span<const std::uint8_t, kGcmNonceBytes> nonce, Bytes header,
              std::span<std::byte> body, std::span<std::byte, kGcmTagBytes> tag) {
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  int n = 0;
  return fits(header) && fits(body) && ctx &&
         EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
         EVP_EncryptUpdate(ctx.get(), nullptr, &n, in(header), count(header)) == 1 &&
         EVP_EncryptUpdate(ctx.get(), out(body), &n, in(body), count(body)) == 1 &&
         EVP_EncryptFinal_ex(ctx.get(), out(body) + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kGcmTagBytes, out(tag)) == 1;
}

bool unseal_gcm(const Digest& key, std::span<const std::uint8_t, kGcmNonceBytes> nonce,
                Bytes header, std::span<std::byte> body,
                std::span<const std::byte, kGcmTagBytes> tag) {
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  std::array<unsigned char, kGcmTagBytes> expected{};
  std::copy_n(in(tag), expected.size(), expected.begin());
  int n = 0;
  return fits(header) && fits(body) && ctx &&
         EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
         EVP_DecryptUpdate(ctx.get(), nullptr, &n, in(header), count(header)) == 1 &&
         EVP_DecryptUpdate(ctx.get(), out(body), &n, in(body), count(body)) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagBytes, expected.data()) == 1 &&
         EVP_DecryptFinal_ex(ctx.get(), out(body) + n, &n) == 1;
}

}  // namespace xc::crypto
