// Tenants, workspaces, keys and users as the admin API and `--json` show them, and how a key is
// asked for. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "identity/keys.h"
#include "identity/sessions.h"
#include "identity/tenants.h"
#include "identity/users.h"

namespace xc::gateway {

// `secret`: of a key that was just made; else empty.
std::string json_of(const identity::KeyRecord& key, std::string_view secret = {});
std::string json_of(const identity::TenantRecord& tenant);
std::string json_of(const identity::WorkspaceRecord& workspace);
std::string json_of(const identity::UserRecord& user);
std::string json_of(const identity::Session& session);
std::string json_of(const identity::Caller& caller);

// {"name", "tenant", "workspace", "role", "models", "routes", "pools", "sources", "expires_in_s"};
// `tenant`: when the JSON says none. Error: as schema::read_body, or the field at fault.
Result<identity::KeySpec> key_spec_of(std::string_view json, std::string tenant,
                                      std::int64_t now_unix_ms);

// {"keys":[…]} of those that `wanted` keeps.
template <typename Record, typename Wanted>
std::string list_json(std::string_view name, const std::vector<Record>& records, Wanted wanted) {
  std::string out = "{\"";
  out += name;
  out += "\":[";
  bool first = true;
  for (const Record& record : records) {
    if (!wanted(record)) continue;
    if (!first) out += ',';
    first = false;
    out += json_of(record);
  }
  return out += "]}";
}

}  // namespace xc::gateway
