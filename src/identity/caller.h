// Who calls: a key, or a user who logged in. Travels with the request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "identity/scopes.h"

namespace xc::identity {

// The tenant that runs the place: it exists from the start, and only it may have platform_admin.
inline constexpr std::string_view kFirstTenant = "default";
inline constexpr std::string_view kFirstWorkspace = "default";

// What one may do on /admin routes. Calling models needs a key and no role.
enum class Role : std::uint8_t {
  None,
  PlatformAdmin,
  TenantAdmin,
  Developer,
  Auditor,        // reads everything about what happened, changes nothing
  SafetyOfficer,  // reads as the auditor does
};
inline constexpr int kRoles = 6;
std::string_view name_of(Role role);  // "none", "platform_admin" …
std::optional<Role> role_of_name(std::string_view name);

// What a tenant wants kept in the audit log of what it asks and is answered.
enum class AuditContent : std::uint8_t {
  None,
  Full,  // requests as they came, answers as they went out: gateway/kept_content.h
};
std::string_view name_of(AuditContent content);  // "none", "full"
std::optional<AuditContent> audit_content_of_name(std::string_view name);

struct Caller {
  std::string key_id;  // "key_…"; of a session "user_…"
  std::string tenant;  // its name, which never changes
  std::string workspace = {};
  Role role = Role::None;
  AuditContent audit_content = AuditContent::None;   // its tenant's; of a key only
  std::shared_ptr<const Scopes> scopes = {};         // null: no restriction
  std::string user_id = {};                          // of a session
  std::string user_name = {};                        // of a session; unique in its tenant
  std::optional<std::int64_t> expires_unix_ms = {};  // of a key that expires

  bool is_session() const { return !user_id.empty(); }
};

// Whether what belongs to `tenant` exists for this caller. What does not reach is answered as if it
// were not there.
bool reaches(const Caller& caller, std::string_view tenant);
// All tenants: platform admins, and the first tenant's auditors and safety officers.
bool reaches_all(const Caller& caller);
// Whether the caller may make, change or take away a key or user of this role in this tenant.
// Nobody can give more than they have. False also where `reaches` is.
bool may_manage(const Caller& caller, Role role, std::string_view tenant);
// Whether every restriction of the caller's key is among these too, or a narrower one of the same
// items. Without it a restricted key could lift its own restriction by making another.
bool within(const Caller& caller, const Scopes::Texts& scopes);
// Whether what ends at `expires_unix_ms` (nothing: never) ends no later than the caller's key.
// Without it a key could make itself permanent by making another, or a user.
bool within_life(const Caller& caller, std::optional<std::int64_t> expires_unix_ms);

}  // namespace xc::identity
