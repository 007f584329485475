#include "gateway/access.h"

#include <gtest/gtest.h>

#include <set>

namespace xc::gateway {
namespace {

using identity::Caller;
using identity::Role;

Caller caller(Role role, std::string tenant = "default") {
  Caller made;
  made.key_id = "key_1";
  made.tenant = std::move(tenant);
  made.role = role;
  return made;
}
const Route& route_of(std::string_view method, std::string_view path) {
  const Match match = match_route(method, path);
  EXPECT_NE(match.route, nullptr) << path;
  return *match.route;
}

TEST(Access, every_row_is_a_route_and_every_admin_route_has_one_row) {
  std::set<std::string> granted;
  for (const Grant& grant : grants()) {
    EXPECT_TRUE(
        granted.insert(std::string(grant.method) + " " + std::string(grant.pattern)).second);
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    if (!route.pattern.starts_with("/admin/") || !route.needs_key) continue;
    served.insert(std::string(route.method) + " " + std::string(route.pattern));
  }
  for (const std::string& row : granted) EXPECT_TRUE(served.contains(row)) << row;
  for (const std::string& row : served) EXPECT_TRUE(granted.contains(row)) << row;
}

TEST(Access, an_admin_route_without_a_row_is_for_platform_admins) {
  const Route fresh{"POST", "/admin/fresh", true, Shape::OpenAi, nullptr};
  EXPECT_TRUE(check_access(fresh, caller(Role::PlatformAdmin)));
  for (const Role role :
       {Role::None, Role::TenantAdmin, Role::Developer, Role::Auditor, Role::SafetyOfficer}) {
    const Status refused = check_access(fresh, caller(role));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::Forbidden);
    EXPECT_EQ(refused.error().message, Message::NotAllowed);
  }
}

// The auditor reads; what changes something is a POST, but for the own session, password and codes.
TEST(Access, auditors_change_nothing) {
  for (const Grant& grant : grants()) {
    if (grant.method == "GET" || grant.pattern == "/admin/logout") continue;
    const bool own = grant.pattern == "/admin/password" || grant.pattern.starts_with("/admin/totp");
    EXPECT_EQ(grant.roles >> static_cast<int>(Role::Auditor) & 1, own ? 1 : 0) << grant.pattern;
    EXPECT_EQ(grant.roles >> static_cast<int>(Role::None) & 1, 0) << grant.pattern;
  }
}

TEST(Access, models_are_called_with_keys_not_sessions) {
  Caller session = caller(Role::PlatformAdmin);
  session.user_id = "1";
  EXPECT_TRUE(check_access(route_of("GET", "/v1/models"), caller(Role::None)));
  EXPECT_FALSE(check_access(route_of("GET", "/v1/models"), session));
  EXPECT_FALSE(check_access(route_of("POST", "/v1/chat/completions"), session));
  EXPECT_TRUE(check_access(route_of("GET", "/admin/keys"), session));
}

TEST(Access, scopes_of_routes_hold_for_admin_routes_too) {
  Caller narrow = caller(Role::PlatformAdmin);
  narrow.scopes = std::make_shared<const identity::Scopes>(
      *identity::Scopes::of({{}, {"/v1/chat/*", "/v1/models/*"}, {}, {}}));
  EXPECT_TRUE(check_access(route_of("POST", "/v1/chat/completions"), narrow));
  EXPECT_TRUE(check_access(route_of("GET", "/v1/models/a/b"), narrow));
  EXPECT_FALSE(check_access(route_of("GET", "/v1/models"), narrow));
  const Status refused = check_access(route_of("GET", "/admin/keys"), narrow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::ScopeRefused);
  EXPECT_EQ(refused.error().args.front(), "routes");
}

}  // namespace
}  // namespace xc::gateway
