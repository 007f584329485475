// Tenants and their workspaces. Names never change; beside each stands an id of 32 hex digits.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "identity/caller.h"
#include "store/database.h"

namespace xc::identity {

struct WorkspaceRecord {
  std::string id;
  std::string tenant;
  std::string name;
  std::int64_t created_unix_ms = 0;
};

struct TenantRecord {
  std::string id;
  std::string name;
  std::int64_t created_unix_ms = 0;
  std::optional<std::int64_t> suspended_unix_ms;  // its keys and sessions are refused
  AuditContent audit_content = AuditContent::None;
};

// Keeps nothing in memory. Blocking (database); thread-safe. References must outlive the store.
class TenantStore {
 public:
  TenantStore(store::Database& database, Clock& clock, RandomSource& random)
      : database_(database), clock_(clock), random_(random) {}

  // Gives a row to every tenant and workspace that only a key knows of: before tenants existed any
  // text would do.
  Status adopt();
  // With the workspace "default". Error: BadSetting, Conflict with NameTaken, DatabaseError.
  Result<TenantRecord> create(const std::string& name);
  Result<std::vector<TenantRecord>> list() const;
  // NotFound with NoSuchTenant.
  Result<TenantRecord> find(const std::string& name) const;
  // Takes effect when keys and sessions are read again (reload). The first tenant cannot be
  // suspended: nobody could take it back. Error: NoSuchTenant, NotAllowed.
  Status suspend(const std::string& name, bool suspended);
  // What the audit log keeps of its calls; in force when keys are read again. Error: NoSuchTenant.
  Status set_audit_content(const std::string& name, AuditContent content);

  // Error: BadSetting, NoSuchTenant, NameTaken, TenantFull.
  Result<WorkspaceRecord> add_workspace(const std::string& tenant, const std::string& name);
  Result<std::vector<WorkspaceRecord>> workspaces() const;

 private:
  store::Database& database_;
  Clock& clock_;
  RandomSource& random_;
  std::mutex adding_;  // of workspaces: what is counted stays so until the row is there
};

}  // namespace xc::identity
