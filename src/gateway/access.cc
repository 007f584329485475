#include "gateway/access.h"

#include <algorithm>
#include <array>

namespace xc::gateway {
namespace {

using identity::Role;

constexpr std::uint8_t bit(Role role) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(role));
}
constexpr std::uint8_t kP = bit(Role::PlatformAdmin);
constexpr std::uint8_t kT = bit(Role::TenantAdmin);
constexpr std::uint8_t kD = bit(Role::Developer);
constexpr std::uint8_t kA = bit(Role::Auditor);
constexpr std::uint8_t kS = bit(Role::SafetyOfficer);
constexpr std::uint8_t kNone = bit(Role::None);
constexpr std::uint8_t kRead = kP | kT | kA | kS;  // who has to know what is there
constexpr std::uint8_t kManage = kP | kT;          // who decides in a tenant
constexpr std::uint8_t kWatch = kP | kA | kS;      // who sees the platform itself
constexpr bool kPlatform = true;
constexpr bool kWithin = false;  // what the caller reaches

// clang-format off
constexpr std::array kGrants{
    Grant{"GET",  "/admin/whoami",                  kRead | kD | kNone, kWithin},
    Grant{"POST", "/admin/logout",                  kRead | kD,         kWithin},
    Grant{"GET",  "/admin/tenants",                 kRead | kD,         kWithin},
    Grant{"POST", "/admin/tenants",                 kP,                 kPlatform},
    Grant{"PUT",  "/admin/tenants/{tenant}",        kManage,            kWithin},
    Grant{"POST", "/admin/tenants/{tenant}/suspend", kP,                kPlatform},
    Grant{"POST", "/admin/tenants/{tenant}/resume", kP,                 kPlatform},
    Grant{"GET",  "/admin/workspaces",              kRead | kD,         kWithin},
    Grant{"POST", "/admin/workspaces",              kManage,            kWithin},
    Grant{"GET",  "/admin/keys",                    kRead | kD,         kWithin},
    Grant{"POST", "/admin/keys",                    kManage,            kWithin},
    Grant{"POST", "/admin/keys/{key}/rotate",       kManage,            kWithin},
    Grant{"POST", "/admin/keys/{key}/revoke",       kManage,            kWithin},
    Grant{"POST", "/admin/keys/reload",             kP,                 kPlatform},
    Grant{"GET",  "/admin/users",                   kRead,              kWithin},
    Grant{"POST", "/admin/users",                   kManage,            kWithin},
    Grant{"POST", "/admin/users/{user}/password",   kManage,            kWithin},
    Grant{"POST", "/admin/users/{user}/totp",       kManage,            kWithin},
    Grant{"POST", "/admin/users/{user}/disable",    kManage,            kWithin},
    Grant{"POST", "/admin/users/{user}/enable",     kManage,            kWithin},
    Grant{"POST", "/admin/users/{user}/role",       kManage,            kWithin},
    Grant{"POST", "/admin/password",                kRead | kD,         kWithin},
    Grant{"POST", "/admin/totp",                    kRead | kD,         kWithin},
    Grant{"POST", "/admin/totp/confirm",            kRead | kD,         kWithin},
    Grant{"GET",  "/admin/quotas",                  kRead | kD,         kWithin},
    Grant{"PUT",  "/admin/quotas",                  kManage,            kWithin},
    Grant{"DELETE", "/admin/quotas",                kManage,            kWithin},
    Grant{"GET",  "/admin/prices",                  kRead | kD,         kWithin},
    Grant{"PUT",  "/admin/prices",                  kP,                 kPlatform},
    Grant{"GET",  "/admin/usage",                   kRead | kD,         kWithin},
    Grant{"GET",  "/admin/audit/head",              kRead | kD,         kWithin},
    Grant{"GET",  "/admin/audit/proof",             kRead | kD | kNone, kWithin},
    Grant{"GET",  "/admin/audit/records",           kRead,              kWithin},
    Grant{"GET",  "/admin/audit/content",           kWatch,             kWithin},
    Grant{"GET",  "/admin/audit/export",            kWatch,             kPlatform},
    Grant{"POST", "/admin/audit/erase",             kP,                 kPlatform},
    Grant{"GET",  "/admin/config",                  kWatch,             kPlatform},
    Grant{"POST", "/admin/config/reload",           kP,                 kPlatform},
    Grant{"GET",  "/admin/alarms",                  kWatch,             kPlatform},
    Grant{"POST", "/admin/alarms/{alarm}/acknowledge", kP | kS,         kPlatform},
    Grant{"GET",  "/admin/pools",                   kWatch,             kPlatform},
    Grant{"PUT",  "/admin/pools/{pool}",            kP,                 kPlatform},
    Grant{"POST", "/admin/pools/{pool}/remove",     kP,                 kPlatform},
    Grant{"PUT",  "/admin/endpoints/{endpoint}",    kP,                 kPlatform},
    Grant{"POST", "/admin/endpoints/{endpoint}/remove", kP,             kPlatform},
    Grant{"PUT",  "/admin/routes/{model}",          kP,                 kPlatform},
    Grant{"PUT",  "/admin/clearances/{tenant}",     kP,                 kPlatform},
    Grant{"GET",  "/admin/workers",                 kWatch,             kPlatform},
    Grant{"GET",  "/admin/engine",                  kWatch,             kPlatform},
    Grant{"POST", "/admin/workers/{model}/stop",    kP,                 kPlatform},
    Grant{"POST", "/admin/models/{model}/restart",  kP,                 kPlatform},
};
// clang-format on

Grant grant_of(const Route& route) {
  const auto found = std::ranges::find_if(kGrants, [&route](const Grant& grant) {
    return grant.method == route.method && grant.pattern == route.pattern;
  });
  return found != kGrants.end() ? *found : Grant{route.method, route.pattern, kP, kPlatform};
}

std::unexpected<Error> not_allowed(const Route& route) {
  return fail(Code::Forbidden, Message::NotAllowed, {std::string(route.pattern)});
}

}  // namespace

std::span<const Grant> grants() { return kGrants; }

Status check_access(const Route& route, const identity::Caller& caller) {
  if (caller.scopes && !caller.scopes->allows_route(route.pattern)) {
    return fail(Code::Forbidden, Message::ScopeRefused, {"routes", std::string(route.pattern)});
  }
  if (!route.pattern.starts_with("/admin/")) {
    if (caller.is_session()) return not_allowed(route);
    return {};
  }
  const Grant grant = grant_of(route);
  if ((grant.roles & bit(caller.role)) == 0) return not_allowed(route);
  if (grant.platform && !identity::reaches_all(caller)) return not_allowed(route);
  return {};
}

std::vector<std::string> routes_open_to(const identity::Caller& caller) {
  std::vector<std::string> open;
  for (const Route& route : routes()) {
    if (!route.needs_key || !route.pattern.starts_with("/admin/")) continue;
    if (!check_access(route, caller)) continue;
    open.push_back(std::string(route.method) + " " + std::string(route.pattern));
  }
  return open;
}

}  // namespace xc::gateway
