#include "identity/id_token.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <optional>

#include "base/limits.h"
#include "identity/encodings.h"

namespace xc::identity {
namespace {

namespace json = boost::json;
using Fault = std::unexpected<TokenFault>;

// What the compact form has, decoded. `signed_text`: the first two parts as they came.
struct Parts {
  json::object header;
  std::string payload;
  std::string signature;
  std::string_view signed_text;
};

std::optional<json::object> object_in(std::string_view text) {
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (token.size() > limits::kOidcTokenBytesMax || first == std::string_view::npos) return {};
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return {};
  }
  const auto header = bytes_of_base64url(token.substr(0, first));
  auto payload = bytes_of_base64url(token.substr(first + 1, second - first - 1));
  auto signature = bytes_of_base64url(token.substr(second + 1));
  if (!header || !payload || !signature) return {};
  std::optional<json::object> fields = object_in(*header);
  if (!fields) return {};
  return Parts{std::move(*fields), std::move(*payload), std::move(*signature),
               token.substr(0, second)};
}

// Nothing when absent; the text when it is one; Malformed for another kind.
std::expected<std::string_view, TokenFault> text_in(const json::object& object,
                                                    std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::string_view();
  if (!value->is_string()) return Fault(TokenFault::Malformed);
  return std::string_view(value->get_string());
}

// Seconds since 1970; may have a fraction (RFC 7519 §2, NumericDate).
std::expected<std::optional<double>, TokenFault> time_in(const json::object& claims,
                                                         std::string_view name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number()) return Fault(TokenFault::Malformed);
  const double seconds = value->to_number<double>();
  if (!std::isfinite(seconds)) return Fault(TokenFault::Malformed);
  return seconds;
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_subject(std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };  // ASCII, OpenID Connect Core §2
  return !text.empty() && text.size() <= limits::kOidcSubjectBytesMax &&
         std::ranges::all_of(text, plain);
}

std::expected<std::string, TokenFault> signed_payload(std::string_view token, const KeySet& keys) {
  std::optional<Parts> parts = split(token);
  if (!parts) return Fault(TokenFault::Malformed);
  const auto name = text_in(parts->header, "alg");
  const auto kid = text_in(parts->header, "kid");
  if (!name || !kid) return Fault(TokenFault::Malformed);
  const std::optional<SignAlgorithm> algorithm = algorithm_of(*name);
  if (!algorithm) return Fault(TokenFault::Algorithm);
  // RFC 7515 §4.1.11: what is critical must be understood, and nothing is here.
  if (parts->header.contains("crit")) return Fault(TokenFault::Algorithm);
  if (!keys.has(*algorithm, *kid)) return Fault(TokenFault::UnknownKey);
  if (!keys.verify(*algorithm, *kid, parts->signed_text, parts->signature)) {
    return Fault(TokenFault::Signature);
  }
  return std::move(parts->payload);
}

// One audience or a list of them; with several, or with azp, the authorised party is this client.
std::optional<TokenFault> audience_fault(const json::object& claims, std::string_view client_id) {
  const json::value* audience = claims.if_contains("aud");
  if (audience == nullptr) return TokenFault::Audience;
  bool named = false;
  std::size_t count = 1;
  if (const json::array* list = audience->if_array()) {
    count = list->size();
    for (const json::value& item : *list) {
      if (!item.is_string()) return TokenFault::Malformed;
      named = named || std::string_view(item.get_string()) == client_id;
    }
  } else if (audience->is_string()) {
    named = std::string_view(audience->get_string()) == client_id;
  } else {
    return TokenFault::Malformed;
  }
  if (!named) return TokenFault::Audience;
  const auto party = text_in(claims, "azp");
  if (!party) return party.error();
  const bool needed = count > 1 || claims.contains("azp");
  if (needed && *party != client_id) return TokenFault::Audience;
  return std::nullopt;
}

std::optional<TokenFault> time_fault(const json::object& claims, const TokenChecks& checks) {
  const auto expires = time_in(claims, "exp");
  const auto issued = time_in(claims, "iat");
  const auto begins = time_in(claims, "nbf");
  if (!expires || !issued || !begins || !*expires || !*issued) return TokenFault::Malformed;
  const auto now = static_cast<double>(checks.now_unix_s);
  const auto skew = static_cast<double>(checks.skew_s);
  if (**expires <= now - skew) return TokenFault::Expired;
  if (**issued > now + skew || begins->value_or(now) > now + skew) return TokenFault::Future;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(TokenFault fault) {
  constexpr std::array<std::string_view, 10> kNames{
      "malformed", "algorithm", "unknown key", "signature", "issuer",
      "audience",  "expired",   "not yet",     "nonce",     "subject"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::expected<IdToken, TokenFault> verify_id_token(std::string_view token, const KeySet& keys,
                                                   const TokenChecks& checks) {
  auto payload = signed_payload(token, keys);
  if (!payload) return Fault(payload.error());
  const std::optional<json::object> claims = object_in(*payload);
  if (!claims) return Fault(TokenFault::Malformed);
  const auto issuer = text_in(*claims, "iss");
  const auto nonce = text_in(*claims, "nonce");
  const auto subject = text_in(*claims, "sub");
  if (!issuer || !nonce || !subject) return Fault(TokenFault::Malformed);
  if (*issuer != checks.issuer) return Fault(TokenFault::Issuer);
  if (const auto fault = audience_fault(*claims, checks.client_id)) return Fault(*fault);
  if (const auto fault = time_fault(*claims, checks)) return Fault(*fault);
  if (checks.nonce.empty() || !same_text(*nonce, checks.nonce)) return Fault(TokenFault::Nonce);
  if (!is_subject(*subject)) return Fault(TokenFault::Subject);
  return IdToken{std::string(*subject), std::move(*payload)};
}

}  // namespace xc::identity
