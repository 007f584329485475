#include "gateway/identity_json.h"

#include <boost/json/value.hpp>
#include <utility>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"

namespace xc::gateway {
namespace {

using schema::JsonWriter;

constexpr std::int64_t kExpiryMaxS = 10ll * 366 * 86'400;  // ten years; forever is no expiry

Status read_list(const schema::JsonObject& body, std::string_view name,
                 std::vector<std::string>& out) {
  XC_TRY(const std::optional<schema::JsonArray> items, body.array(name, limits::kScopeItemsMax));
  for (std::size_t i = 0; items && i < items->size(); ++i) {
    XC_TRY(const std::string_view item, items->at(i).as_text());
    out.emplace_back(item);
  }
  return {};
}

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
  w.text("audit_content", identity::name_of(tenant.audit_content));
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
  w.flag("totp_waiting", user.totp_waiting);
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

Result<identity::KeySpec> key_spec_of(std::string_view text, std::string tenant,
                                      std::int64_t now_unix_ms) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(text, document));
  identity::KeySpec spec;
  spec.tenant = std::move(tenant);
  XC_TRY(spec.name, body.need_text("name"));
  XC_CHECK(body.text("tenant", spec.tenant));
  XC_CHECK(body.text("workspace", spec.workspace));
  if (const std::optional<schema::JsonField> role = body.find("role")) {
    XC_TRY(const std::size_t index, role->as_one_of({"none", "platform_admin", "tenant_admin",
                                                     "developer", "auditor", "safety_officer"}));
    spec.role = static_cast<identity::Role>(index);
  }
  XC_CHECK(read_list(body, "models", spec.scopes.models));
  XC_CHECK(read_list(body, "routes", spec.scopes.routes));
  XC_CHECK(read_list(body, "pools", spec.scopes.pools));
  XC_CHECK(read_list(body, "sources", spec.scopes.sources));
  std::optional<std::int64_t> life_s;
  XC_CHECK(body.integer("expires_in_s", life_s, 1, kExpiryMaxS));
  if (life_s) spec.expires_unix_ms = now_unix_ms + *life_s * 1000;
  return spec;
}

}  // namespace xc::gateway
