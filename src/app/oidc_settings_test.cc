#include "app/oidc_settings.h"

#include <gtest/gtest.h>

#include "app/config_reload.h"
#include "app/settings.h"

namespace xc::app {
namespace {

constexpr const char* kGood =
    "[oidc]\nissuer = 'https://idp.example/realms/ops'\nclient_id = 'xingcha'\n"
    "client_secret = 's3cret'\nredirect_base = 'https://console.example/'\n"
    "roles = ['cn=admins=platform_admin', 'audit=auditor']\ncreate_users = true\n";

Result<Config> parse(std::string_view toml) {
  ConfigSource source;
  source.root = "/home";
  source.language = Language::En;
  return parse_config(toml, "config.toml", source);
}

// kGood with one line changed; the setting at fault.
std::string fault_with(std::string_view key, std::string_view line) {
  std::string text = kGood;
  const std::size_t at = text.find(std::string(key) + " = ");
  if (at == std::string::npos) {
    text += std::string(line) + "\n";
  } else {
    text.replace(at, text.find('\n', at) - at, line);
  }
  const Result<Config> config = parse(text);
  return config ? "none" : config.error().args.front();
}

TEST(OidcSettings, are_read) {
  const Result<Config> config = parse(kGood);
  ASSERT_TRUE(config) << text_of(config.error(), Language::En);
  const auto settings = load_oidc_settings(*config, Language::En);
  ASSERT_TRUE(settings && *settings);
  EXPECT_EQ((*settings)->redirect_uri(), "https://console.example/admin/oidc/callback");
  EXPECT_EQ((*settings)->client_secret, "s3cret");
  EXPECT_EQ((*settings)->rules.roles.at(0).first, "cn=admins");
  EXPECT_EQ((*settings)->rules.role_claim, "groups");
  EXPECT_EQ((*settings)->scopes.size(), 3u);
  EXPECT_TRUE((*settings)->https());
  EXPECT_FALSE(*oidc_settings_of(*parse(""), Language::En)) << "off without an issuer";
}

TEST(OidcSettings, what_would_not_work_or_not_be_safe_is_refused_at_start) {
  EXPECT_EQ(fault_with("name", "name = 'x'"), "none");
  EXPECT_EQ(fault_with("issuer", "issuer = 'http://localhost:8080'"), "none");
  for (const char* issuer : {"http://idp.example", "idp.example", "https://a?b", "unix:/x",
                             "https://u:p@a", "ftp://a", "https://"}) {
    EXPECT_EQ(fault_with("issuer", "issuer = '" + std::string(issuer) + "'"), "oidc.issuer")
        << issuer;
  }
  for (const char* base : {"", "http://console.example", "https://a/b", "https://a?b", "a"}) {
    EXPECT_EQ(fault_with("redirect_base", "redirect_base = '" + std::string(base) + "'"),
              "oidc.redirect_base")
        << base;
  }
  EXPECT_EQ(fault_with("client_id", "client_id = ''"), "oidc.client_id");
  EXPECT_EQ(fault_with("x", "client_secret_file = 'f'"), "oidc.client_secret");
  EXPECT_EQ(fault_with("roles", "roles = ['a=boss']"), "oidc.roles");
  EXPECT_EQ(fault_with("roles", "roles = []"), "oidc.create_users");
  EXPECT_EQ(fault_with("x", "role_claim = ''"), "oidc.role_claim");
  EXPECT_EQ(fault_with("x", "tenants = ['a=B C']"), "oidc.tenants");
  EXPECT_EQ(fault_with("x", "tenant = 'B C'"), "oidc.tenant");
  EXPECT_EQ(fault_with("x", "scopes = ['profile']"), "oidc.scopes");
}

TEST(OidcSettings, the_secret_is_shown_to_nobody) {
  const Result<Config> config = parse(kGood);
  ASSERT_TRUE(config);
  EXPECT_EQ(print_config(*config, Language::En).find("s3cret"), std::string::npos);
  for (const Setting& setting : all_settings()) {
    EXPECT_EQ(shown_value(setting, *config).find("s3cret"), std::string::npos) << setting.name;
  }
  EXPECT_EQ(shown_value(*find_setting("oidc.client_secret"), *config), "\"***\"");
  ASSERT_TRUE(parse(print_config(*config, Language::En))) << "what is printed can be read";
}

TEST(OidcSettings, the_secret_of_a_file_must_be_there) {
  std::string text = kGood;
  const std::string line = "client_secret = 's3cret'";
  text.replace(text.find(line), line.size(), "client_secret_file = '/nowhere/secret'");
  const Result<Config> config = parse(text);
  ASSERT_TRUE(config);
  const auto settings = load_oidc_settings(*config, Language::En);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message, Message::FileMissing);
}

}  // namespace
}  // namespace xc::app
