#include "identity/tenants.h"

#include <fmt/core.h>

#include "base/limits.h"
#include "identity/caller.h"
#include "identity/columns.h"

namespace xc::identity {
namespace {

using Statement = store::Database::Statement;

TenantRecord record_of(const store::Row& row) {
  return {text_in(row.at(0)), text_in(row.at(1)), integer_in(row.at(2)).value_or(0),
          integer_in(row.at(3)),
          audit_content_of_name(text_in(row.at(4))).value_or(AuditContent::None)};
}

// As record_of reads them.
constexpr std::string_view kTenantColumns =
    "id, name, created_unix_ms, suspended_unix_ms, audit_content";

Statement insert_tenant(const TenantRecord& tenant) {
  return {"INSERT INTO tenants (id, name, created_unix_ms) VALUES (:p0, :p1, :p2)",
          {tenant.id, tenant.name, tenant.created_unix_ms}};
}

Statement insert_workspace(const WorkspaceRecord& workspace) {
  return {"INSERT INTO workspaces (id, tenant, name, created_unix_ms) VALUES (:p0, :p1, :p2, :p3)",
          {workspace.id, workspace.tenant, workspace.name, workspace.created_unix_ms}};
}

std::unexpected<Error> no_tenant(const std::string& name) {
  return fail(Code::NotFound, Message::NoSuchTenant, {name.substr(0, 64)});
}
std::unexpected<Error> taken(const std::string& name) {
  return fail(Code::Conflict, Message::NameTaken, {name});
}

}  // namespace

Status TenantStore::adopt() {
  XC_TRY(const std::vector<store::Row> tenants,
         database_.query("SELECT DISTINCT tenant FROM api_keys WHERE tenant NOT IN "
                         "(SELECT name FROM tenants)"));
  for (const store::Row& row : tenants) {
    const TenantRecord tenant{make_hex_id(random_), text_in(row.at(0)), clock_.unix_ms(), {}};
    XC_CHECK(database_.transaction({insert_tenant(tenant), note_change()}));
  }
  XC_TRY(const std::vector<store::Row> workspaces,
         database_.query(
             "SELECT DISTINCT k.tenant, k.workspace FROM api_keys k WHERE NOT EXISTS (SELECT 1 "
             "FROM workspaces w WHERE w.tenant = k.tenant AND w.name = k.workspace)"));
  for (const store::Row& row : workspaces) {
    const WorkspaceRecord workspace{make_hex_id(random_), text_in(row.at(0)), text_in(row.at(1)),
                                    clock_.unix_ms()};
    XC_CHECK(database_.transaction({insert_workspace(workspace), note_change()}));
  }
  return {};
}

Result<TenantRecord> TenantStore::create(const std::string& name) {
  XC_CHECK(check_name("tenant", name));
  if (find(name)) return taken(name);
  const TenantRecord tenant{make_hex_id(random_), name, clock_.unix_ms(), {}};
  const WorkspaceRecord first{make_hex_id(random_), name, std::string(kFirstWorkspace),
                              tenant.created_unix_ms};
  XC_CHECK(database_.transaction({insert_tenant(tenant), insert_workspace(first), note_change()}));
  return tenant;
}

Result<std::vector<TenantRecord>> TenantStore::list() const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query(
             fmt::format("SELECT {} FROM tenants ORDER BY created_unix_ms, name", kTenantColumns)));
  std::vector<TenantRecord> tenants;
  tenants.reserve(rows.size());
  for (const store::Row& row : rows) tenants.push_back(record_of(row));
  return tenants;
}

Result<TenantRecord> TenantStore::find(const std::string& name) const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query(fmt::format("SELECT {} FROM tenants WHERE name = :p0", kTenantColumns),
                         {name}));
  if (rows.empty()) return no_tenant(name);
  return record_of(rows.front());
}

Status TenantStore::suspend(const std::string& name, bool suspended) {
  if (name == kFirstTenant) return fail(Code::Forbidden, Message::NotAllowed, {name});
  XC_TRY(const TenantRecord tenant, find(name));
  if (tenant.suspended_unix_ms.has_value() == suspended) return {};  // the first time stays
  const store::Value when = suspended ? store::Value(clock_.unix_ms()) : store::Value(nullptr);
  return database_.transaction(
      {{"UPDATE tenants SET suspended_unix_ms = :p0 WHERE name = :p1", {when, name}},
       note_change()});
}

Status TenantStore::set_audit_content(const std::string& name, AuditContent content) {
  XC_TRY(const TenantRecord tenant, find(name));
  return database_.transaction({{"UPDATE tenants SET audit_content = :p0 WHERE name = :p1",
                                 {std::string(name_of(content)), tenant.name}},
                                note_change()});
}

Result<WorkspaceRecord> TenantStore::add_workspace(const std::string& tenant,
                                                   const std::string& name) {
  XC_CHECK(check_name("workspace", name));
  XC_TRY(const TenantRecord owner, find(tenant));
  const std::lock_guard hold(adding_);
  XC_TRY(const std::vector<store::Row> same,
         database_.query("SELECT id FROM workspaces WHERE tenant = :p0 AND name = :p1",
                         {tenant, name}));
  if (!same.empty()) return taken(name);
  XC_CHECK(
      check_room(database_, "workspaces", owner.name, "workspaces", limits::kTenantWorkspacesMax));
  const WorkspaceRecord workspace{make_hex_id(random_), owner.name, name, clock_.unix_ms()};
  XC_CHECK(database_.transaction({insert_workspace(workspace), note_change()}));
  return workspace;
}

Result<std::vector<WorkspaceRecord>> TenantStore::workspaces() const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT id, tenant, name, created_unix_ms FROM workspaces "
                         "ORDER BY tenant, created_unix_ms, name"));
  std::vector<WorkspaceRecord> workspaces;
  workspaces.reserve(rows.size());
  for (const store::Row& row : rows) {
    workspaces.push_back({text_in(row.at(0)), text_in(row.at(1)), text_in(row.at(2)),
                          integer_in(row.at(3)).value_or(0)});
  }
  return workspaces;
}

}  // namespace xc::identity
