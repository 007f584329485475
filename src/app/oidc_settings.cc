#include "app/oidc_settings.h"

#include <algorithm>

#include "app/text.h"
#include "base/limits.h"
#include "identity/columns.h"
#include "net/address.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

constexpr std::size_t kSecretBytesMax = 4'096;

std::unexpected<Error> bad(std::string_view setting, std::string_view value,
                           const Bilingual& reason, Language language) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(setting), std::string(value), std::string(reason.in(language))});
}

// Secrets and identities travel there: plain HTTP only to this machine, for tests.
bool is_safe_address(std::string_view url) {
  const auto address = gateway::http_address(url);
  if (!address || !address->origin.unix_path.empty()) return false;
  if (address->origin.tls) return true;
  const std::string& host = address->origin.host;
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

Status check_addresses(const Config& config, Language language) {
  const bool clean = config.oidc_issuer.find('?') == std::string::npos;
  if (!clean || !is_safe_address(config.oidc_issuer)) {
    return bad("oidc.issuer", config.oidc_issuer, texts::OidcMustBeHttps, language);
  }
  const std::string& base = config.oidc_redirect_base;
  const auto address = gateway::http_address(base);
  if (!address || address->target != "/" || base.find('?') != std::string::npos ||
      !is_safe_address(base)) {
    return bad("oidc.redirect_base", base, texts::OidcMustBeBase, language);
  }
  if (config.oidc_client_id.empty()) {
    return bad("oidc.client_id", "", texts::MustNotBeEmpty, language);
  }
  if (!config.oidc_client_secret.empty() && !config.oidc_client_secret_file.empty()) {
    return bad("oidc.client_secret", "***", texts::OidcOneSecret, language);
  }
  return {};
}

Status read_rules(const Config& config, Language language, identity::ClaimRules& rules) {
  const bool too_many = config.oidc_roles.size() > limits::kOidcRulesMax ||
                        config.oidc_tenants.size() > limits::kOidcRulesMax;
  if (too_many) {
    return fail(Code::InvalidRequest, Message::TooMany,
                {"oidc.roles", std::to_string(config.oidc_roles.size()),
                 std::to_string(limits::kOidcRulesMax)});
  }
  for (const std::string& text : config.oidc_roles) {
    XC_TRY(auto rule, identity::role_rule(text, "oidc.roles"));
    rules.roles.push_back(std::move(rule));
  }
  for (const std::string& text : config.oidc_tenants) {
    XC_TRY(auto rule, identity::tenant_rule(text, "oidc.tenants"));
    rules.tenants.push_back(std::move(rule));
  }
  rules.role_claim = config.oidc_role_claim;
  rules.tenant_claim = config.oidc_tenant_claim;
  rules.tenant = config.oidc_tenant;
  XC_CHECK(identity::check_name("oidc.tenant", rules.tenant));
  if (!rules.roles.empty() && rules.role_claim.empty()) {
    return bad("oidc.role_claim", "", texts::MustNotBeEmpty, language);
  }
  if (config.oidc_create_users && rules.roles.empty()) {
    return bad("oidc.create_users", "true", texts::OidcNeedsRoles, language);
  }
  return {};
}

}  // namespace

Result<std::optional<gateway::OidcSettings>> oidc_settings_of(const Config& config,
                                                              Language language) {
  if (config.oidc_issuer.empty()) return std::nullopt;
  XC_CHECK(check_addresses(config, language));
  gateway::OidcSettings settings;
  XC_CHECK(read_rules(config, language, settings.rules));
  if (std::ranges::find(config.oidc_scopes, "openid") == config.oidc_scopes.end()) {
    return bad("oidc.scopes", "", texts::OidcNeedsOpenid, language);
  }
  settings.name = config.oidc_name;
  settings.issuer = config.oidc_issuer;
  settings.client_id = config.oidc_client_id;
  settings.client_secret = config.oidc_client_secret;
  settings.redirect_base = config.oidc_redirect_base;
  if (settings.redirect_base.ends_with('/')) settings.redirect_base.pop_back();
  settings.scopes = config.oidc_scopes;
  settings.create_users = config.oidc_create_users;
  return settings;
}

Result<std::optional<gateway::OidcSettings>> load_oidc_settings(const Config& config,
                                                                Language language) {
  XC_TRY(auto settings, oidc_settings_of(config, language));
  if (!settings || config.oidc_client_secret_file.empty()) return settings;
  XC_TRY(const std::string text,
         store::read_bounded(config.oidc_client_secret_file, kSecretBytesMax));
  settings->client_secret = text.substr(0, text.find_first_of("\r\n"));
  if (settings->client_secret.empty()) {
    return bad("oidc.client_secret_file", config.oidc_client_secret_file, texts::MustNotBeEmpty,
               language);
  }
  return settings;
}

}  // namespace xc::app
