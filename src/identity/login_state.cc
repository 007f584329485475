#include "identity/login_state.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "base/assert.h"
#include "base/freer.h"
#include "base/limits.h"
#include "identity/encodings.h"
#include "identity/key_hash.h"

namespace xc::identity {
namespace {

namespace json = boost::json;

constexpr std::size_t kNonceBytes = 12;  // SP 800-38D §8.2.2: random, one key seals few texts
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kSecretChars = 43;  // × 5.95 bits = 256
constexpr std::string_view kPurpose = "xingcha login state 1";

using Context = std::unique_ptr<EVP_CIPHER_CTX, Freer<&EVP_CIPHER_CTX_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Context start(const SealKey& key, const unsigned char* nonce, bool sealing) {
  Context context(EVP_CIPHER_CTX_new());
  int unused = 0;
  const bool ready =
      context &&
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce,
                        sealing ? 1 : 0) == 1 &&
      EVP_CipherUpdate(context.get(), nullptr, &unused, bytes(kPurpose), kPurpose.size()) == 1;
  XC_ASSERT(ready);
  return context;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<LoginState> state_in(std::string_view plain) {
  boost::system::error_code failed;
  const json::value value = json::parse(plain, failed);
  if (failed || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  LoginState login{text_in(object, "s"), text_in(object, "n"), text_in(object, "v"),
                   text_in(object, "b"), 0};
  const json::value* expires = object.if_contains("e");
  if (expires == nullptr || !expires->is_int64()) return std::nullopt;
  login.expires_unix_ms = expires->get_int64();
  return login;
}

}  // namespace

LoginState make_login_state(RandomSource& random, std::string_view back, std::int64_t now_unix_ms) {
  LoginState login;
  login.state = make_id(random, "", kSecretChars);
  login.nonce = make_id(random, "", kSecretChars);
  login.verifier = make_id(random, "", kSecretChars);
  login.back = is_local_path(back) ? std::string(back) : "/";
  login.expires_unix_ms = now_unix_ms + std::chrono::milliseconds(limits::kOidcStateLife).count();
  return login;
}

std::string seal(const LoginState& login, const SealKey& key) {
  const std::string plain = json::serialize(json::object{{"s", login.state},
                                                         {"n", login.nonce},
                                                         {"v", login.verifier},
                                                         {"b", login.back},
                                                         {"e", login.expires_unix_ms}});
  std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
  XC_ASSERT(RAND_bytes(bytes(out), kNonceBytes) == 1);
  const Context context = start(key, bytes(out), true);
  int size = 0;
  int unused = 0;
  unsigned char* to = bytes(out) + kNonceBytes;
  const bool sealed =
      EVP_CipherUpdate(context.get(), to, &size, bytes(plain), static_cast<int>(plain.size())) ==
          1 &&
      EVP_CipherFinal_ex(context.get(), to + size, &unused) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, to + plain.size()) == 1;
  XC_ASSERT(sealed);
  return base64url_of(out);
}

std::optional<LoginState> open_sealed(std::string_view text, const SealKey& key,
                                      std::int64_t now_unix_ms) {
  std::optional<std::string> sealed = bytes_of_base64url(text);
  if (!sealed || sealed->size() <= kNonceBytes + kTagBytes) return std::nullopt;
  const std::size_t size = sealed->size() - kNonceBytes - kTagBytes;
  const Context context = start(key, bytes(*sealed), false);
  std::string plain(size, '\0');
  int written = 0;
  int rest = 0;
  unsigned char* from = bytes(*sealed) + kNonceBytes;
  const bool whole =
      EVP_CipherUpdate(context.get(), bytes(plain), &written, from, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, from + size) == 1 &&
      EVP_CipherFinal_ex(context.get(), bytes(plain) + written, &rest) == 1;
  if (!whole) return std::nullopt;
  std::optional<LoginState> login = state_in(plain);
  if (!login || login->expires_unix_ms <= now_unix_ms) return std::nullopt;
  return login;
}

std::string pkce_challenge(std::string_view verifier) {
  const KeyHash hash = hash_of(verifier);
  return base64url_of({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

bool is_local_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > limits::kOidcReturnBytesMax) return false;
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
           c == '\\';
  };
  return !path.starts_with("//") && std::ranges::none_of(path, bad);
}

}  // namespace xc::identity
