#include "gateway/identity_json.h"

#include "schema/json_text.h"

namespace xc::gateway {
namespace {

using schema::JsonWriter;

void time_or_null(JsonWriter& w, std::string_view name, const std::optional<std::int64_t>& time) {
  if (time) {
    w.integer(name, *time);
  } else {
    w.raw(name, "null");
  }
}

void list(JsonWriter& w, std::string_view name, const std::vector<std::string>& items) {
  std::string& out = w.key(name);
  out += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    schema::append_string(out, items[i]);
  }
  out += ']';
}

void scopes_of(JsonWriter& w, const identity::Scopes::Texts& scopes) {
  JsonWriter inner(w.key("scopes"));
  list(inner, "models", scopes.models);
  list(inner, "routes", scopes.routes);
  list(inner, "pools", scopes.pools);
  list(inner, "sources", scopes.sources);
  inner.end();
}

}  // namespace

std::string json_of(const identity::KeyRecord& key, std::string_view secret) {
  std::string out;
  JsonWriter w(out);
  w.text("id", key.id);
  w.text("service_id", key.service_id);
  w.text("name", key.name);
  w.text("prefix", key.prefix);
  w.text("tenant", key.tenant);
  w.text("workspace", key.workspace);
  w.text("role", identity::name_of(key.role));
  scopes_of(w, key.scopes);
  w.integer("created_unix_ms", key.created_unix_ms);
  time_or_null(w, "expires_unix_ms", key.expires_unix_ms);
  time_or_null(w, "last_used_unix_ms", key.last_used_unix_ms);
  time_or_null(w, "old_until_unix_ms", key.old_until_unix_ms);
  time_or_null(w, "revoked_unix_ms", key.revoked_unix_ms);
  if (!secret.empty()) w.text("key", secret);
  w.end();
  return out;
}

std::string json_of(const identity::TenantRecord& tenant) {
  std::string out;
  JsonWriter w(out);
  w.text("id", tenant.id);
  w.text("name", tenant.name);
  w.integer("created_unix_ms", tenant.created_unix_ms);
  time_or_null(w, "suspended_unix_ms", tenant.suspended_unix_ms);
  w.end();
  return out;
}

std::string json_of(const identity::WorkspaceRecord& workspace) {
  std::string out;
  JsonWriter w(out);
  w.text("id", workspace.id);
  w.text("tenant", workspace.tenant);
  w.text("name", workspace.name);
  w.integer("created_unix_ms", workspace.created_unix_ms);
  w.end();
  return out;
}

std::string json_of(const identity::UserRecord& user) {
  std::string out;
  JsonWriter w(out);
  w.text("id", user.id);
  w.text("tenant", user.tenant);
  w.text("name", user.name);
  w.text("role", identity::name_of(user.role));
  w.flag("totp", user.totp);
  w.integer("created_unix_ms", user.created_unix_ms);
  time_or_null(w, "last_login_unix_ms", user.last_login_unix_ms);
  time_or_null(w, "locked_until_unix_ms", user.locked_until_unix_ms);
  time_or_null(w, "disabled_unix_ms", user.disabled_unix_ms);
  w.end();
  return out;
}

std::string json_of(const identity::Session& session) {
  std::string out;
  JsonWriter w(out);
  w.text("token", session.token);
  w.integer("expires_unix_ms", session.expires_unix_ms);
  w.raw("user", json_of(session.user));
  w.end();
  return out;
}

std::string json_of(const identity::Caller& caller) {
  std::string out;
  JsonWriter w(out);
  if (caller.is_session()) {
    w.text("user_id", caller.user_id);
    w.text("name", caller.user_name);
  } else {
    w.text("key_id", caller.key_id);
    w.text("workspace", caller.workspace);
  }
  w.text("tenant", caller.tenant);
  w.text("role", identity::name_of(caller.role));
  scopes_of(w, caller.scopes ? caller.scopes->texts() : identity::Scopes::Texts());
  w.end();
  return out;
}

}  // namespace xc::gateway
