// Who may use which route: one table for all of /admin, enforced at the door (gateway.cc) before
// any handler runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/router.h"
#include "identity/caller.h"

namespace xc::gateway {

// A row of the matrix. An /admin route without a row is for platform admins alone.
struct Grant {
  std::string_view method;
  std::string_view pattern;  // as in the table of routes
  std::uint8_t roles;        // bits 1 << identity::Role
  bool platform;  // only for callers who see every tenant; else the handler answers within reach
};
std::span<const Grant> grants();

// A key opens every route but those of /admin that its role does not, within its scopes; a session
// opens /admin only, since calling models is counted by key. Error: Forbidden with NotAllowed or
// ScopeRefused.
Status check_access(const Route& route, const identity::Caller& caller);

// The /admin routes that this caller gets past the door of: "GET /admin/keys" … The console shows
// what is among them.
std::vector<std::string> routes_open_to(const identity::Caller& caller);

}  // namespace xc::gateway
