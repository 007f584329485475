#include "identity/claims.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace xc::identity {
namespace {

ClaimRules rules() {
  ClaimRules rules;
  rules.role_claim = "groups";
  rules.roles = {
      {"admins", Role::PlatformAdmin}, {"ops", Role::TenantAdmin}, {"dev", Role::Developer}};
  return rules;
}

// "tenant/role", "tenant/-" or the message's name.
std::string placed(std::string_view claims, const ClaimRules& rules) {
  const auto placement = placement_of(claims, rules);
  if (!placement) return std::string(name_of(placement.error().message));
  return placement->tenant + "/" + (placement->role ? std::string(name_of(*placement->role)) : "-");
}

TEST(Claims, the_first_row_that_matches_gives_the_role) {
  EXPECT_EQ(placed(R"({"groups":["dev","ops"]})", rules()), "default/tenant_admin");
  EXPECT_EQ(placed(R"({"groups":"dev"})", rules()), "default/developer");
  EXPECT_EQ(placed(R"({"groups":["x"]})", rules()), "OidcNoRole");
  EXPECT_EQ(placed(R"({"groups":[]})", rules()), "OidcNoRole");
  EXPECT_EQ(placed(R"({})", rules()), "OidcNoRole");
  EXPECT_EQ(placed(R"({"groups":[7,null,["dev"],{"dev":1}]})", rules()), "OidcNoRole");
  EXPECT_EQ(placed(R"({"groups":"DEV"})", rules()), "OidcNoRole") << "letters are compared exactly";
  EXPECT_EQ(placed("not json", rules()), "OidcNoRole");
  ClaimRules none = rules();
  none.roles.clear();
  EXPECT_EQ(placed(R"({})", none), "default/-");
}

TEST(Claims, nested_names) {
  ClaimRules nested = rules();
  nested.role_claim = "realm_access.roles";
  EXPECT_EQ(placed(R"({"realm_access":{"roles":["dev"]}})", nested), "default/developer");
  EXPECT_EQ(placed(R"({"realm_access.roles":"ops","realm_access":{"roles":["dev"]}})", nested),
            "default/tenant_admin");
  EXPECT_EQ(placed(R"({"realm_access":["dev"]})", nested), "OidcNoRole");
}

TEST(Claims, tenants) {
  ClaimRules by_name = rules();
  by_name.tenant_claim = "org";
  EXPECT_EQ(placed(R"({"groups":"dev","org":"acme"})", by_name), "acme/developer");
  EXPECT_EQ(placed(R"({"groups":"dev"})", by_name), "OidcNoTenant");
  EXPECT_EQ(placed(R"({"groups":"dev","org":["a","b"]})", by_name), "OidcNoTenant");
  EXPECT_EQ(placed(R"({"groups":"admins","org":"acme"})", by_name), "OidcNoRole")
      << "platform_admin is of the first tenant only";
  EXPECT_EQ(placed(R"({"groups":["admins","ops"],"org":"acme"})", by_name), "acme/tenant_admin");
  ClaimRules mapped = by_name;
  mapped.tenants = {{"Acme Corp", "acme"}, {"HQ", "default"}};
  EXPECT_EQ(placed(R"({"groups":"dev","org":"Acme Corp"})", mapped), "acme/developer");
  EXPECT_EQ(placed(R"({"groups":"dev","org":["HQ","Acme Corp"]})", mapped), "acme/developer");
  EXPECT_EQ(placed(R"({"groups":"dev","org":"default"})", mapped), "OidcNoTenant");
}

TEST(Claims, names_for_lists) {
  EXPECT_EQ(shown_name(R"({"preferred_username":"li","email":"li@x"})", "s"), "li");
  EXPECT_EQ(shown_name(R"({"preferred_username":"","email":"li@x"})", "s"), "li@x");
  EXPECT_EQ(shown_name(R"({"name":"a\u0000b\nc\u007f"})", "s"), "abc");
  EXPECT_EQ(shown_name(R"({"name":7})", "subject"), "subject");
  std::string longer;
  for (int i = 0; i < 100; ++i) longer += "星";
  const std::string cut = shown_name(R"({"name":"a)" + longer + R"("})", "s");
  EXPECT_EQ(cut.size(), 127u) << "at a character";
  EXPECT_EQ(shown_name("{}", std::string(200, 'x')).size(), limits::kKeyNameBytesMax);
}

TEST(Claims, rules_as_text) {
  EXPECT_EQ(role_rule("cn=a=auditor", "x")->first, "cn=a");
  EXPECT_EQ(role_rule("a=auditor", "x")->second, Role::Auditor);
  EXPECT_EQ(tenant_rule("Acme=acme", "x")->second, "acme");
  for (const char* bad : {"", "a", "=auditor", "a=", "a=boss", "a=none"}) {
    EXPECT_FALSE(role_rule(bad, "x")) << bad;
  }
  for (const char* bad : {"", "a", "=acme", "a=", "a=Acme Corp"}) {
    EXPECT_FALSE(tenant_rule(bad, "x")) << bad;
  }
}

}  // namespace
}  // namespace xc::identity
