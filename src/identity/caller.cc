#include "identity/caller.h"

#include <algorithm>
#include <array>

namespace xc::identity {
namespace {

constexpr std::array<std::string_view, kRoles> kNames{
    "none", "platform_admin", "tenant_admin", "developer", "auditor", "safety_officer"};

constexpr std::array<std::string_view, 2> kContentNames{"none", "full"};

// Who sees the whole platform when the first tenant employs them.
bool watches(Role role) { return role == Role::Auditor || role == Role::SafetyOfficer; }

// An empty list is no restriction.
bool narrower(const std::vector<std::string>& outer, const std::vector<std::string>& inner) {
  if (outer.empty()) return true;
  return !inner.empty() && std::ranges::all_of(inner, [&outer](const std::string& item) {
    return std::ranges::find(outer, item) != outer.end();
  });
}

}  // namespace

std::string_view name_of(Role role) { return kNames[static_cast<std::size_t>(role)]; }

std::optional<Role> role_of_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

std::string_view name_of(AuditContent content) {
  return kContentNames[static_cast<std::size_t>(content)];
}

std::optional<AuditContent> audit_content_of_name(std::string_view name) {
  for (std::size_t i = 0; i < kContentNames.size(); ++i) {
    if (kContentNames[i] == name) return static_cast<AuditContent>(i);
  }
  return std::nullopt;
}

bool reaches_all(const Caller& caller) {
  if (caller.role == Role::PlatformAdmin) return true;
  return watches(caller.role) && caller.tenant == kFirstTenant;
}

bool reaches(const Caller& caller, std::string_view tenant) {
  return caller.tenant == tenant || reaches_all(caller);
}

bool may_manage(const Caller& caller, Role role, std::string_view tenant) {
  if (caller.role == Role::PlatformAdmin) return true;
  if (caller.role != Role::TenantAdmin || caller.tenant != tenant) return false;
  if (role == Role::PlatformAdmin) return false;
  return !watches(role) || tenant != kFirstTenant;  // those would see other tenants
}

bool within(const Caller& caller, const Scopes::Texts& scopes) {
  if (!caller.scopes) return true;
  const Scopes::Texts& outer = caller.scopes->texts();
  return narrower(outer.models, scopes.models) && narrower(outer.routes, scopes.routes) &&
         narrower(outer.pools, scopes.pools) && narrower(outer.sources, scopes.sources);
}

bool within_life(const Caller& caller, std::optional<std::int64_t> expires_unix_ms) {
  if (!caller.expires_unix_ms) return true;
  return expires_unix_ms && *expires_unix_ms <= *caller.expires_unix_ms;
}

}  // namespace xc::identity
