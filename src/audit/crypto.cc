#include "audit/crypto.h"

// For SHA256_Init and its like: see sha256_of.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/assert.h"
#include "base/freer.h"

namespace xc::audit {
namespace {

constexpr std::string_view kSm2Identity = "1234567812345678";

using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<&EVP_MD_CTX_free>>;

EVP_PKEY* raw(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> own(EVP_PKEY* key) {
  return {static_cast<void*>(key),
          [](void* pointer) { EVP_PKEY_free(static_cast<EVP_PKEY*>(pointer)); }};
}

const EVP_MD* sm3() {
  // Fetched once: a fetch for every hash costs more than the hash.
  static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SM3", nullptr);
  return fetched;
}

// OpenSSL's code for SHA-256 without the way there: EVP_DigestInit makes a state anew for each of
// the seven hashes of a request and looks for engines. It has no such functions for SM3.
Digest sha256_of(std::initializer_list<std::string_view> parts) {
  SHA256_CTX state;
  bool fine = SHA256_Init(&state) == 1;
  for (const std::string_view part : parts) {
    fine = fine && SHA256_Update(&state, part.data(), part.size()) == 1;
  }
  Digest digest{};
  fine = fine && SHA256_Final(digest.data(), &state) == 1;
  XC_ASSERT(fine);
  return digest;
}

std::unexpected<Error> bad_key(std::string_view what) {
  return fail(Code::InvalidRequest, Message::BadAuditKey, {std::string(what)});
}

std::optional<Profile> profile_of_key(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519")) return Profile::Sha256Ed25519;
  if (EVP_PKEY_is_a(key, "SM2")) return Profile::Sm3Sm2;
  return std::nullopt;
}

// selection: EVP_PKEY_KEYPAIR or EVP_PKEY_PUBLIC_KEY.
std::string encode_key(EVP_PKEY* key, int selection, const char* format) {
  const char* structure = selection == EVP_PKEY_KEYPAIR ? "PrivateKeyInfo" : "SubjectPublicKeyInfo";
  OSSL_ENCODER_CTX* context =
      OSSL_ENCODER_CTX_new_for_pkey(key, selection, format, structure, nullptr);
  unsigned char* data = nullptr;
  std::size_t size = 0;
  const bool done = context != nullptr && OSSL_ENCODER_to_data(context, &data, &size) == 1;
  OSSL_ENCODER_CTX_free(context);
  std::string text;
  if (done) text.assign(reinterpret_cast<const char*>(data), size);
  OPENSSL_clear_free(data, size);
  return text;
}

std::shared_ptr<void> decode_key(std::string_view pem, int selection) {
  EVP_PKEY* key = nullptr;
  OSSL_DECODER_CTX* context =
      OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", nullptr, nullptr, selection, nullptr, nullptr);
  const auto* data = reinterpret_cast<const unsigned char*>(pem.data());
  std::size_t size = pem.size();
  const bool done = context != nullptr && OSSL_DECODER_from_data(context, &data, &size) == 1;
  OSSL_DECODER_CTX_free(context);
  std::shared_ptr<void> owned = own(key);
  return done && key != nullptr ? owned : nullptr;
}

// A context ready to sign or to verify; null on failure.
DigestContext start_signature(EVP_PKEY* key, Profile profile, bool sign) {
  DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  // Ed25519 hashes by itself and takes no digest.
  const EVP_MD* md = profile == Profile::Sm3Sm2 ? sm3() : nullptr;
  const int started = sign ? EVP_DigestSignInit(context.get(), &inner, md, nullptr, key)
                           : EVP_DigestVerifyInit(context.get(), &inner, md, nullptr, key);
  if (started != 1) return nullptr;
  if (profile == Profile::Sm3Sm2 &&
      EVP_PKEY_CTX_set1_id(inner, kSm2Identity.data(), kSm2Identity.size()) != 1) {
    return nullptr;
  }
  return context;
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string_view name_of(Profile profile) {
  return profile == Profile::Sm3Sm2 ? "sm3-sm2" : "sha256-ed25519";
}

std::optional<Profile> profile_of(std::string_view name) {
  for (const Profile profile : {Profile::Sha256Ed25519, Profile::Sm3Sm2}) {
    if (name == name_of(profile)) return profile;
  }
  return std::nullopt;
}

Digest digest_of(Profile profile, std::initializer_list<std::string_view> parts) {
  if (profile == Profile::Sha256Ed25519) return sha256_of(parts);
  thread_local const DigestContext context(EVP_MD_CTX_new());
  bool fine = EVP_DigestInit_ex(context.get(), sm3(), nullptr) == 1;
  for (const std::string_view part : parts) {
    fine = fine && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  Digest digest{};
  unsigned size = 0;
  fine = fine && EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1;
  XC_ASSERT(fine && size == digest.size());
  return digest;
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  PublicKey key;
  key.key_ = decode_key(pem, EVP_PKEY_PUBLIC_KEY);
  if (!key.key_) return bad_key("PEM");
  const auto profile = profile_of_key(raw(key.key_));
  if (!profile) return bad_key("Ed25519, SM2");
  key.profile_ = *profile;
  key.pem_ = encode_key(raw(key.key_), EVP_PKEY_PUBLIC_KEY, "PEM");
  const Digest digest =
      digest_of(*profile, {encode_key(raw(key.key_), EVP_PKEY_PUBLIC_KEY, "DER")});
  std::copy_n(digest.begin(), key.log_id_.size(), key.log_id_.begin());
  return key;
}

bool PublicKey::verify(std::string_view text, std::string_view signature) const {
  const DigestContext context = start_signature(raw(key_), profile_, false);
  return context != nullptr && EVP_DigestVerify(context.get(), bytes(signature), signature.size(),
                                                bytes(text), text.size()) == 1;
}

Result<PrivateKey> PrivateKey::from_key(std::shared_ptr<void> key) {
  PrivateKey made;
  made.key_ = std::move(key);
  if (!made.key_) return bad_key("PEM");
  XC_TRY(made.public_key_,
         PublicKey::from_pem(encode_key(raw(made.key_), EVP_PKEY_PUBLIC_KEY, "PEM")));
  return made;
}

Result<PrivateKey> PrivateKey::make(Profile profile) {
  const char* type = profile == Profile::Sm3Sm2 ? "SM2" : "ED25519";
  return from_key(own(EVP_PKEY_Q_keygen(nullptr, nullptr, type)));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  return from_key(decode_key(pem, EVP_PKEY_KEYPAIR));
}

std::string PrivateKey::pem() const { return encode_key(raw(key_), EVP_PKEY_KEYPAIR, "PEM"); }

Result<std::string> PrivateKey::sign(std::string_view text) const {
  const DigestContext context = start_signature(raw(key_), public_key_.profile(), true);
  std::string signature(256, '\0');
  std::size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes(text), text.size()) != 1) {
    return fail_internal("audit: signing failed");
  }
  signature.resize(size);
  return signature;
}

Digest PrivateKey::secret(std::string_view purpose) const {
  return digest_of(public_key_.profile(),
                   {purpose, "\n", encode_key(raw(key_), EVP_PKEY_KEYPAIR, "DER")});
}

}  // namespace xc::audit
