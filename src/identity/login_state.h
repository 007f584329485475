// What a browser carries from the start of a login to its return: sealed (AES-256-GCM), so that
// nobody reads or makes it, in a cookie, so that only the browser that began can finish.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace xc::identity {

struct LoginState {
  std::string state;     // RFC 6749 §10.12: the provider gives it back
  std::string nonce;     // in the ID token
  std::string verifier;  // PKCE, RFC 7636 §4.1
  std::string back;      // local path to go to
  std::int64_t expires_unix_ms = 0;
};

using SealKey = std::array<unsigned char, 32>;

// New secrets, 256 random bits each; what is no local path becomes "/".
LoginState make_login_state(RandomSource& random, std::string_view back, std::int64_t now_unix_ms);
// base64url of nonce, ciphertext, tag. A cookie's value.
std::string seal(const LoginState& login, const SealKey& key);
// Nothing when it was not sealed with this key, was changed, or has expired.
std::optional<LoginState> open_sealed(std::string_view text, const SealKey& key,
                                      std::int64_t now_unix_ms);

// base64url(SHA-256(verifier)): RFC 7636 §4.2, S256.
std::string pkce_challenge(std::string_view verifier);
// A path of this site and nothing else: begins with one '/', has neither a second one nor a
// backslash after it (browsers take "/\" as "//", another host), no control characters.
bool is_local_path(std::string_view path);

}  // namespace xc::identity
