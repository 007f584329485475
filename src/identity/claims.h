// From what a provider says of a person (claims of an ID token) to role and tenant here. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "identity/caller.h"

namespace xc::identity {

// As [oidc] of the configuration has it. A claim's name may be a path: "realm_access.roles"; a
// claim that has the whole name (with its dots) comes first.
struct ClaimRules {
  std::string role_claim;
  // The first row that the claim's values have wins. Empty: users keep the role they have here.
  std::vector<std::pair<std::string, Role>> roles;
  std::string tenant_claim;  // empty: everybody belongs to `tenant`
  // From a value to a tenant's name; empty: the value is the name.
  std::vector<std::pair<std::string, std::string>> tenants;
  std::string tenant = std::string(kFirstTenant);
};

struct Placement {
  std::string tenant;
  std::optional<Role> role;  // nothing: as the user has it here
};

// `claims`: the JSON object of IdToken. Error: Forbidden with OidcNoRole, or OidcNoTenant when no
// value has a row (whether the tenant exists is not looked at). platform_admin outside of the first
// tenant is no role.
Result<Placement> placement_of(std::string_view claims, const ClaimRules& rules);
// What lists show: preferred_username, else email, else name, else the subject; cut to a label's
// length at a character.
std::string shown_name(std::string_view claims, std::string_view subject);

// "admins=platform_admin": what stands before the last '='. Error: BadSetting with `where`.
Result<std::pair<std::string, Role>> role_rule(std::string_view text, std::string_view where);
Result<std::pair<std::string, std::string>> tenant_rule(std::string_view text,
                                                        std::string_view where);

}  // namespace xc::identity
