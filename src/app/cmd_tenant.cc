#include <fmt/format.h>

#include "app/api_client.h"
#include "app/identity_access.h"
#include "app/terminal.h"
#include "gateway/identity_json.h"

namespace xc::app {
namespace {

struct TenantFlags {
  std::string name, workspace, content;
  bool json = false;
};

// The server is told with the key of this machine.
Result<int> done(const Surroundings& here) {
  XC_TRY(const Credentials credentials, credentials_of(here.home));
  tell_server(here, credentials);
  return kExitFine;
}

Result<int> create(const Surroundings& here, const TenantFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const identity::TenantRecord tenant, open->accounts->tenants.create(flags.name));
  if (flags.json) {
    fmt::print("{}\n", gateway::json_of(tenant));
  } else {
    fmt::print("{}\n", say<texts::TenantCreated>(here.language, tenant.name, tenant.id));
  }
  return done(here);
}

Result<int> add_workspace(const Surroundings& here, const TenantFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const identity::WorkspaceRecord workspace,
         open->accounts->tenants.add_workspace(flags.name, flags.workspace));
  if (flags.json) {
    fmt::print("{}\n", gateway::json_of(workspace));
  } else {
    fmt::print("{}\n", say<texts::WorkspaceCreated>(here.language, workspace.tenant, workspace.name,
                                                    workspace.id));
  }
  return done(here);
}

Result<int> suspend(const Surroundings& here, const TenantFlags& flags, bool suspended) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_CHECK(open->accounts->tenants.suspend(flags.name, suspended));
  fmt::print("{}\n", suspended ? say<texts::TenantSuspended>(here.language, flags.name)
                               : say<texts::TenantResumed>(here.language, flags.name));
  return done(here);
}

// Through the server and not the database: its audit log is to say who decided this, and when.
Result<int> set_content(const Surroundings& here, const TenantFlags& flags) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  XC_TRY(const std::string said, api.call("PUT", "/admin/tenants/" + path_escaped(flags.name),
                                          R"({"audit_content":")" + flags.content + "\"}"));
  if (flags.json) {
    fmt::print("{}\n", said);
  } else {
    fmt::print("{}\n", flags.content == "none"
                           ? say<texts::TenantContentNotKept>(here.language, flags.name)
                           : say<texts::TenantContentKept>(here.language, flags.name));
  }
  return kExitFine;
}

std::string workspaces_of(const std::vector<identity::WorkspaceRecord>& all,
                          const std::string& tenant) {
  std::string names;
  for (const identity::WorkspaceRecord& workspace : all) {
    if (workspace.tenant != tenant) continue;
    names += (names.empty() ? "" : ", ") + workspace.name;
  }
  return names;
}

Result<int> list(const Surroundings& here, const TenantFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const std::vector<identity::TenantRecord> tenants, open->accounts->tenants.list());
  XC_TRY(const std::vector<identity::WorkspaceRecord> workspaces,
         open->accounts->tenants.workspaces());
  const auto all = [](const auto&) { return true; };
  if (flags.json) {
    std::string out = gateway::list_json("tenants", tenants, all);
    out.back() = ',';
    out += gateway::list_json("workspaces", workspaces, all).substr(1);
    fmt::print("{}\n", out);
    return kExitFine;
  }
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title : {texts::ColName, texts::ColId, texts::ColSuspended,
                                 texts::ColAuditContent, texts::ColWorkspaces}) {
    head.emplace_back(title.in(here.language));
  }
  table.add(std::move(head));
  for (const identity::TenantRecord& tenant : tenants) {
    table.add({tenant.name, tenant.id,
               tenant.suspended_unix_ms ? time_text(*tenant.suspended_unix_ms) : "-",
               std::string(identity::name_of(tenant.audit_content)),
               workspaces_of(workspaces, tenant.name)});
  }
  fmt::print("{}", table.text());
  return kExitFine;
}

}  // namespace

Command tenant_command() {
  const auto flags = std::make_shared<TenantFlags>();
  const Option as_json{
      .name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json};
  const Option name{.name = "NAME",
                    .value = "NAME",
                    .help = texts::HelpTenantName,
                    .target = &flags->name,
                    .required = true};
  Command create_one{"create", texts::HelpTenantCreate, {name, as_json}};
  create_one.run = [flags](const Surroundings& here) { return create(here, *flags); };
  Command list_all{"list", texts::HelpTenantList, {as_json}};
  list_all.run = [flags](const Surroundings& here) { return list(here, *flags); };
  Command add{"add-workspace", texts::HelpTenantWorkspace, {name}};
  add.options.push_back({.name = "WORKSPACE",
                         .value = "WORKSPACE",
                         .help = texts::HelpWorkspaceName,
                         .target = &flags->workspace,
                         .required = true});
  add.options.push_back(as_json);
  add.run = [flags](const Surroundings& here) { return add_workspace(here, *flags); };
  Command suspend_one{"suspend", texts::HelpTenantSuspend, {name}};
  suspend_one.run = [flags](const Surroundings& here) { return suspend(here, *flags, true); };
  Command resume_one{"resume", texts::HelpTenantResume, {name}};
  resume_one.run = [flags](const Surroundings& here) { return suspend(here, *flags, false); };
  Command content{"audit-content", texts::HelpTenantContent, {name}};
  content.options.push_back({.name = "CONTENT",
                             .value = "CONTENT",
                             .help = texts::HelpTenantContentKept,
                             .target = &flags->content,
                             .required = true,
                             .choices = {"none", "full"}});
  content.options.push_back(as_json);
  content.run = [flags](const Surroundings& here) { return set_content(here, *flags); };
  Command command{"tenant", texts::HelpTenant};
  command.commands = {create_one, list_all, add, suspend_one, resume_one, content};
  return command;
}

}  // namespace xc::app
