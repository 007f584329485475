#include <fmt/format.h>

#include "app/identity_access.h"
#include "app/terminal.h"
#include "base/limits.h"
#include "gateway/identity_json.h"

namespace xc::app {
namespace {

struct KeyFlags {
  std::string name = "cli", id, tenant = "default", workspace = "default";
  std::string models, routes, pools, sources;
  std::optional<std::string> role, expires;
  std::string overlap = "0s";
  bool save = false, json = false;
};

Result<identity::KeySpec> spec_of(const KeyFlags& flags, std::int64_t now_unix_ms) {
  identity::KeySpec spec{flags.name, flags.tenant, flags.workspace, identity::Role::None, {}, {}};
  // What the commands of this machine use has to be able to ask for what they do.
  if (flags.save && flags.tenant == identity::kFirstTenant) {
    spec.role = identity::Role::PlatformAdmin;
  }
  if (flags.role) spec.role = *identity::role_of_name(*flags.role);  // one of the choices
  spec.scopes = {identity::split_list(flags.models), identity::split_list(flags.routes),
                 identity::split_list(flags.pools), identity::split_list(flags.sources)};
  if (flags.expires) {
    XC_TRY(const std::int64_t life_ms, duration_ms("--expires", *flags.expires));
    spec.expires_unix_ms = now_unix_ms + life_ms;
  }
  return spec;
}

// The new secret: as JSON or in words, and into credentials.toml when asked to.
Result<int> show(const Surroundings& here, const KeyFlags& flags,
                 const identity::KeyStore::NewKey& made) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  // Told with the key that the server knows; without one of our own the new one has to do.
  Credentials known = credentials;
  if (known.key.empty()) known.key = made.secret;
  if (flags.save) {
    credentials.key = made.secret;
    XC_CHECK(write_credentials(here.home.credentials(), credentials));
  }
  tell_server(here, known);
  if (flags.json) {
    fmt::print("{}\n", gateway::json_of(made.record, made.secret));
    return kExitFine;
  }
  fmt::print("{}\n", say<texts::KeyCreated>(here.language, made.secret));
  if (flags.save) {
    fmt::print("{}\n", say<texts::KeySaved>(here.language, here.home.credentials()));
  }
  return kExitFine;
}

Result<int> create(const Surroundings& here, const KeyFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const identity::KeySpec spec, spec_of(flags, open->clock.unix_ms()));
  XC_TRY(const identity::KeyStore::NewKey made, open->keys->create(spec));
  return show(here, flags, made);
}

std::string time_or_dash(const std::optional<std::int64_t>& time) {
  return time ? time_text(*time) : "-";
}

// "models=a,b sources=10.0.0.0/8", "-" without restrictions.
std::string limits_text(const identity::Scopes::Texts& scopes) {
  std::string text;
  for (const auto& [name, items] :
       {std::pair("models", &scopes.models), std::pair("routes", &scopes.routes),
        std::pair("pools", &scopes.pools), std::pair("sources", &scopes.sources)}) {
    if (items->empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, identity::join_list(*items));
  }
  return text.empty() ? "-" : text;
}

Result<int> list(const Surroundings& here, const KeyFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const std::vector<identity::KeyRecord> records, open->keys->list());
  if (flags.json) {
    fmt::print("{}\n", gateway::list_json("keys", records, [](const auto&) { return true; }));
    return kExitFine;
  }
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title : {texts::ColId, texts::ColName, texts::ColPrefix, texts::ColTenant,
                                 texts::ColRole, texts::ColCreated, texts::ColLastUsed,
                                 texts::ColExpires, texts::ColRevoked, texts::ColLimits}) {
    head.emplace_back(title.in(here.language));
  }
  table.add(std::move(head));
  for (const identity::KeyRecord& record : records) {
    table.add({record.id, record.name, record.prefix + "…", record.tenant + "/" + record.workspace,
               std::string(identity::name_of(record.role)), time_text(record.created_unix_ms),
               time_or_dash(record.last_used_unix_ms), time_or_dash(record.expires_unix_ms),
               time_or_dash(record.revoked_unix_ms), limits_text(record.scopes)});
  }
  fmt::print("{}", table.text());
  return kExitFine;
}

Result<int> rotate(const Surroundings& here, const KeyFlags& flags) {
  XC_TRY(const std::int64_t overlap_ms, duration_ms("--overlap", flags.overlap));
  if (overlap_ms > std::chrono::milliseconds(limits::kKeyOverlapMax).count()) {
    return fail(Code::InvalidRequest, Message::BadSetting, {"--overlap", flags.overlap, "≤ 30d"});
  }
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const identity::KeyStore::NewKey made, open->keys->rotate(flags.id, overlap_ms));
  return show(here, flags, made);
}

Result<int> revoke(const Surroundings& here, const KeyFlags& flags) {
  // Read before: the key that tells the server may be the one that goes.
  XC_TRY(const Credentials credentials, credentials_of(here.home));
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_CHECK(open->keys->revoke(flags.id));
  tell_server(here, credentials);
  fmt::print("{}\n", say<texts::KeyRevoked>(here.language, flags.id));
  return kExitFine;
}

Command create_command(const std::shared_ptr<KeyFlags>& flags) {
  Command command{"create", texts::HelpKeyCreate};
  command.options = {
      {.name = "NAME", .value = "NAME", .help = texts::HelpKeyCreateName, .target = &flags->name},
      {.name = "--tenant", .value = "NAME", .help = texts::HelpTenantOf, .target = &flags->tenant},
      {.name = "--workspace",
       .value = "NAME",
       .help = texts::HelpWorkspaceOf,
       .target = &flags->workspace},
      {.name = "--role",
       .value = "ROLE",
       .help = texts::HelpKeyRole,
       .target = &flags->role,
       .choices = {"none", "platform_admin", "tenant_admin", "developer", "auditor",
                   "safety_officer"}},
      {.name = "--models", .value = "A,B", .help = texts::HelpKeyModels, .target = &flags->models},
      {.name = "--routes", .value = "A,B", .help = texts::HelpKeyRoutes, .target = &flags->routes},
      {.name = "--pools", .value = "A,B", .help = texts::HelpKeyPools, .target = &flags->pools},
      {.name = "--from", .value = "CIDR,…", .help = texts::HelpKeyFrom, .target = &flags->sources},
      {.name = "--expires",
       .value = "30d",
       .help = texts::HelpKeyExpires,
       .target = &flags->expires},
      {.name = "--save", .value = "", .help = texts::HelpKeyCreateSave, .target = &flags->save},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return create(here, *flags); };
  return command;
}

Option id_option(const std::shared_ptr<KeyFlags>& flags, const Bilingual& help) {
  return {.name = "ID", .value = "ID", .help = help, .target = &flags->id, .required = true};
}

}  // namespace

Command key_command() {
  const auto flags = std::make_shared<KeyFlags>();
  const Option as_json{
      .name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json};
  Command list_keys{"list", texts::HelpKeyList};
  list_keys.options = {as_json};
  list_keys.run = [flags](const Surroundings& here) { return list(here, *flags); };
  Command rotate_key{"rotate", texts::HelpKeyRotate};
  rotate_key.options = {
      id_option(flags, texts::HelpKeyId),
      {.name = "--overlap",
       .value = "24h",
       .help = texts::HelpKeyOverlap,
       .target = &flags->overlap},
      {.name = "--save", .value = "", .help = texts::HelpKeyCreateSave, .target = &flags->save},
      as_json};
  rotate_key.run = [flags](const Surroundings& here) { return rotate(here, *flags); };
  Command revoke_key{"revoke", texts::HelpKeyRevoke};
  revoke_key.options = {id_option(flags, texts::HelpKeyId)};
  revoke_key.run = [flags](const Surroundings& here) { return revoke(here, *flags); };
  Command command{"key", texts::HelpKey};
  command.commands = {create_command(flags), list_keys, rotate_key, revoke_key};
  return command;
}

}  // namespace xc::app
