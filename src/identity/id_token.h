// An ID token (OpenID Connect Core 1.0 §2, a JWS of RFC 7515 in its compact form) and whether to
// believe it. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "identity/jwk.h"

namespace xc::identity {

// What is wrong with a token. Its name goes to the log and to the page.
enum class TokenFault : std::uint8_t {
  Malformed,   // not three parts of base64url, not JSON, a claim of another kind
  Algorithm,   // none, HMAC, or another that is not taken; a critical extension
  UnknownKey,  // the keys may have been changed: read them again, once
  Signature,
  Issuer,
  Audience,  // not for this client, or handed to another (azp)
  Expired,
  Future,  // issued, or valid only, later than now
  Nonce,   // of another login
  Subject,
};
std::string_view name_of(TokenFault fault);

struct TokenChecks {
  std::string_view issuer;
  std::string_view client_id;
  std::string_view nonce;
  std::int64_t now_unix_s = 0;
  std::int64_t skew_s = 0;  // between the two clocks
};

struct IdToken {
  std::string subject;
  std::string claims;  // the payload's JSON, an object
};

// The checks of OpenID Connect Core 1.0 §3.1.3.7, the signature before any claim.
std::expected<IdToken, TokenFault> verify_id_token(std::string_view token, const KeySet& keys,
                                                   const TokenChecks& checks);

}  // namespace xc::identity
