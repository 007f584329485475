// What an OpenID provider and a browser send in a login. The first byte picks: 0 an ID token, 1 a
// JWK set, 2 claims, 3 the sealed cookie, 4 the provider's metadata, 5 base64url, 6 a path to go
// back to.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "gateway/oidc_provider.h"
#include "identity/claims.h"
#include "identity/encodings.h"
#include "identity/id_token.h"
#include "identity/login_state.h"

namespace {

using namespace xc;

void need(bool fact) {
  if (!fact) __builtin_trap();
}

// The keys of RFC 7515 A.3, whose token is among the seeds: its signature is right, so claims are
// reached, and it is for somebody else.
void read_token(std::string_view text) {
  static const identity::KeySet keys = *identity::KeySet::parse(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  const identity::TokenChecks checks{"https://idp.example", "xingcha", "nonce", 1'300'000'000, 60};
  need(!identity::verify_id_token(text, keys, checks));
}

void read_claims(std::string_view text) {
  identity::ClaimRules rules;
  rules.role_claim = "realm_access.roles";
  rules.roles = {{"ops", identity::Role::TenantAdmin}, {"all", identity::Role::PlatformAdmin}};
  rules.tenant_claim = "org";
  if (const auto placement = identity::placement_of(text, rules)) {
    const bool first = placement->tenant == identity::kFirstTenant;
    need(placement->role && (first || *placement->role != identity::Role::PlatformAdmin));
  }
  const std::string name = identity::shown_name(text, "subject");
  need(!name.empty() && name.size() <= limits::kKeyNameBytesMax);
  need(std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

void read_metadata(std::string_view text) {
  const auto facts = gateway::OidcFacts::parse(text, "https://idp.example");
  if (!facts) return;
  for (const std::string& url :
       {facts->authorization_endpoint, facts->token_endpoint, facts->jwks_uri}) {
    need(url.starts_with("https://") && gateway::http_address(url).has_value());
    need(std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; }));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 7) {
    case 0:
      read_token(text);
      break;
    case 1:
      if (const auto keys = identity::KeySet::parse(text)) {
        need(keys->size() <= limits::kOidcKeysMax);
      }
      break;
    case 2:
      read_claims(text);
      break;
    case 3:
      need(!identity::open_sealed(text, identity::SealKey{}, 0));
      break;
    case 4:
      read_metadata(text);
      break;
    case 5:
      if (const auto bytes = identity::bytes_of_base64url(text)) {
        need(identity::base64url_of(*bytes) == text);
      }
      break;
    default:
      if (identity::is_local_path(text)) {
        need(text.starts_with('/') && !text.starts_with("//") && text.find('\\') == text.npos);
      }
  }
  return 0;
}
