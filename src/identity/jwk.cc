#include "identity/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/freer.h"
#include "base/limits.h"
#include "identity/encodings.h"

namespace xc::identity {
namespace {

namespace json = boost::json;

constexpr int kRsaBitsMin = 2'048;
constexpr int kRsaBitsMax = 8'192;  // verifying costs the square of it
constexpr std::size_t kCoordinateBytes = 32;

using Number = std::unique_ptr<BIGNUM, Freer<&BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freer<&OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<&OSSL_PARAM_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Freer<&EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<&EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freer<&ECDSA_SIG_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

std::shared_ptr<void> key_from(const char* kind, OSSL_PARAM* parameters) {
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return {key, [](void* pointer) { EVP_PKEY_free(static_cast<EVP_PKEY*>(pointer)); }};
}

// RFC 7518 §6.3.1: modulus and exponent, big-endian.
std::shared_ptr<void> rsa_key(const json::object& jwk) {
  const std::optional<std::string> n = bytes_of_base64url(text_of(jwk, "n"));
  const std::optional<std::string> e = bytes_of_base64url(text_of(jwk, "e"));
  if (!n || !e || n->size() > kRsaBitsMax / 8 || e->empty() || e->size() > 8) return nullptr;
  const Number modulus(BN_bin2bn(bytes(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(bytes(*e), static_cast<int>(e->size()), nullptr));
  if (!modulus || !exponent || BN_num_bits(modulus.get()) < kRsaBitsMin) return nullptr;
  if (!BN_is_odd(exponent.get()) || BN_is_one(exponent.get())) return nullptr;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return parameters ? key_from("RSA", parameters.get()) : nullptr;
}

// RFC 7518 §6.2.1. OpenSSL refuses a point that is not on the curve.
std::shared_ptr<void> p256_key(const json::object& jwk) {
  const std::optional<std::string> x = bytes_of_base64url(text_of(jwk, "x"));
  const std::optional<std::string> y = bytes_of_base64url(text_of(jwk, "y"));
  if (text_of(jwk, "crv") != "P-256" || !x || !y) return nullptr;
  if (x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) return nullptr;
  const std::string point = '\x04' + *x + *y;  // uncompressed, SEC 1 §2.3.3
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return parameters ? key_from("EC", parameters.get()) : nullptr;
}

// OpenSSL takes ECDSA signatures as DER; a token has r and s side by side (RFC 7518 §3.4).
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  const EcSignature pair(ECDSA_SIG_new());
  Number r(BN_bin2bn(bytes(signature), kCoordinateBytes, nullptr));
  Number s(BN_bin2bn(bytes(signature.substr(kCoordinateBytes)), kCoordinateBytes, nullptr));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool use_pss(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool matches(void* key, SignAlgorithm algorithm, std::string_view text,
             std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // the digest context's own
  if (!context || EVP_DigestVerifyInit(context.get(), &options, EVP_sha256(), nullptr,
                                       static_cast<EVP_PKEY*>(key)) != 1) {
    return false;
  }
  if (algorithm == SignAlgorithm::Ps256 && !use_pss(options)) return false;
  return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

std::unexpected<Error> no_key_set(std::string_view why) {
  return fail(Code::Upstream, Message::OidcBadReply, {"jwks: " + std::string(why)});
}

}  // namespace

std::optional<SignAlgorithm> algorithm_of(std::string_view name) {
  if (name == "RS256") return SignAlgorithm::Rs256;
  if (name == "PS256") return SignAlgorithm::Ps256;
  if (name == "ES256") return SignAlgorithm::Es256;
  return std::nullopt;
}

std::optional<KeySet::Key> KeySet::key_of(const void* object) {
  const json::object& jwk = *static_cast<const json::object*>(object);
  const std::string_view use = text_of(jwk, "use");
  if (!use.empty() && use != "sig") return std::nullopt;
  Key key;
  key.kid = text_of(jwk, "kid");
  if (const std::string_view alg = text_of(jwk, "alg"); !alg.empty()) {
    key.only = algorithm_of(alg);
    if (!key.only) return std::nullopt;
  }
  key.elliptic = text_of(jwk, "kty") == "EC";
  if (key.elliptic) {
    key.key = p256_key(jwk);
  } else if (text_of(jwk, "kty") == "RSA") {
    key.key = rsa_key(jwk);
  }
  if (key.key == nullptr) return std::nullopt;
  return key;
}

Result<KeySet> KeySet::parse(std::string_view text) {
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (failed || !document.is_object()) return no_key_set("JSON");
  const json::value* keys = document.get_object().if_contains("keys");
  if (keys == nullptr || !keys->is_array()) return no_key_set("keys");
  if (keys->get_array().size() > limits::kOidcKeysMax) return no_key_set("too many keys");
  KeySet set;
  for (const json::value& item : keys->get_array()) {
    if (!item.is_object()) continue;
    if (std::optional<Key> key = key_of(&item.get_object())) set.keys_.push_back(std::move(*key));
  }
  return set;
}

const KeySet::Key* KeySet::find(SignAlgorithm algorithm, std::string_view kid) const {
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (key.elliptic != (algorithm == SignAlgorithm::Es256)) continue;
    if (key.only && *key.only != algorithm) continue;
    if (!kid.empty() && key.kid != kid) continue;
    if (!kid.empty()) return &key;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

bool KeySet::has(SignAlgorithm algorithm, std::string_view kid) const {
  return find(algorithm, kid) != nullptr;
}

bool KeySet::verify(SignAlgorithm algorithm, std::string_view kid, std::string_view text,
                    std::string_view signature) const {
  const Key* key = find(algorithm, kid);
  if (key == nullptr) return false;
  if (!key->elliptic) return matches(key->key.get(), algorithm, text, signature);
  const std::string der = der_of(signature);
  return !der.empty() && matches(key->key.get(), algorithm, text, der);
}

}  // namespace xc::identity
