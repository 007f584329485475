// Logging in, tenants and workspaces.
#include "gateway/admin_identity.h"

#include <boost/json/value.hpp>

#include <memory>
#include <utility>

#include "base/log.h"
#include "gateway/access.h"
#include "gateway/admin_work.h"
#include "gateway/console_session.h"
#include "gateway/identity_json.h"
#include "gateway/oidc_provider.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"

namespace xc::gateway {
namespace {

std::unexpected<Error> no_tenant(const std::string& name) {
  return fail(Code::NotFound, Message::NoSuchTenant, {name.substr(0, 64)});
}

// A name, a password and a code. Anybody may send this: nothing large is parsed for strangers.
constexpr std::size_t kLoginBytesMax = 16 * 1024;

Result<identity::LoginRequest> read_login(const Call& call) {
  if (call.request().body.size() > kLoginBytesMax) {
    return fail(Code::TooLarge, Message::BodyTooLarge, {std::to_string(kLoginBytesMax)});
  }
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  identity::LoginRequest request;
  request.tenant = identity::kFirstTenant;
  request.peer = call.request().peer;
  XC_CHECK(body.text("tenant", request.tenant));
  XC_TRY(request.name, body.need_text("name"));
  XC_TRY(request.password, body.need_text("password"));
  XC_CHECK(body.text("code", request.code));
  return request;
}

// A key is no session: there is nothing to end.
Result<Work> logout_work(const Call& call) {
  if (!call.caller.is_session()) {
    return []() -> Result<std::string> { return R"({"logged_out":false})"; };
  }
  // Where the provider's own session can be ended too.
  const OidcProvider* oidc = call.services.oidc;
  return
      [token = std::string(secret_of(call.request(), call.services)), desk = desk_of(call),
       &external = call.services.accounts.external,
       elsewhere = oidc == nullptr ? std::string() : oidc->logout_url()]() -> Result<std::string> {
        XC_CHECK(desk.sessions.logout(token));
        XC_TRY(const bool linked, external.is_linked(desk.caller.user_id));
        std::string out;
        schema::JsonWriter w(out);
        w.flag("logged_out", true);
        if (linked && !elsewhere.empty()) w.text("provider_logout_url", elsewhere);
        w.end();
        return out;
      };
}

std::string login_json(const Call& call, const identity::Caller* caller) {
  std::string out;
  schema::JsonWriter w(out);
  w.flag("password", true);
  if (const OidcProvider* oidc = call.services.oidc) {
    schema::JsonWriter inner(w.key("oidc"));
    inner.text("name", oidc->settings().name);
    inner.text("start", "/admin/oidc/start");
    inner.end();
  } else {
    w.raw("oidc", "null");
  }
  w.raw("caller", caller == nullptr ? "null" : json_of(*caller));
  std::string& may = w.key("may");
  may += '[';
  if (caller != nullptr) {
    for (const std::string& route : routes_open_to(*caller)) {
      if (may.back() != '[') may += ',';
      schema::append_string(may, route);
    }
  }
  may += ']';
  w.end();
  return out;
}

Result<Work> create_tenant_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(std::string name, body.need_text("name"));
  return [name = std::move(name), desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::TenantRecord tenant, desk.tenants.create(name));
    note(desk, "tenant_made", tenant.name, tenant.id);
    return json_of(tenant);
  };
}

Result<Work> suspend_work(const Call& call, bool suspended) {
  return [name = call.parameter, suspended, desk = desk_of(call)]() -> Result<std::string> {
    XC_CHECK(desk.tenants.suspend(name, suspended));
    XC_CHECK(desk.keys.reload());
    XC_CHECK(desk.sessions.reload());
    XC_TRY(const identity::TenantRecord tenant, desk.tenants.find(name));
    note(desk, suspended ? "tenant_suspended" : "tenant_resumed", tenant.name, tenant.id);
    return json_of(tenant);
  };
}

Result<Work> set_tenant_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  if (!identity::reaches(call.caller, call.parameter)) return no_tenant(call.parameter);
  XC_TRY(const schema::JsonField field, body.need("audit_content"));
  XC_TRY(const std::size_t index, field.as_one_of({"none", "full"}));
  return [name = call.parameter, content = static_cast<identity::AuditContent>(index),
          desk = desk_of(call)]() -> Result<std::string> {
    XC_CHECK(desk.tenants.set_audit_content(name, content));
    XC_CHECK(desk.keys.reload());
    XC_TRY(const identity::TenantRecord tenant, desk.tenants.find(name));
    note(desk, "audit_content_set", tenant.name, std::string(name_of(content)));
    return json_of(tenant);
  };
}

Result<Work> create_workspace_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  std::string tenant = call.caller.tenant;
  XC_CHECK(body.text("tenant", tenant));
  XC_TRY(std::string name, body.need_text("name"));
  if (!identity::reaches(call.caller, tenant)) return no_tenant(tenant);
  return [tenant = std::move(tenant), name = std::move(name),
          desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::WorkspaceRecord workspace, desk.tenants.add_workspace(tenant, name));
    note(desk, "workspace_made", workspace.tenant, workspace.id);
    return json_of(workspace);
  };
}

}  // namespace

Task<Status> log_in(Call& call) {
  Result<identity::LoginRequest> request = read_login(call);
  if (!request) co_return std::unexpected(std::move(request.error()));
  // Shared: the work goes on when the client leaves in the middle of it.
  auto session = std::make_shared<Result<identity::Session>>();
  std::function<void()> work = [session, request = std::move(*request),
                                &sessions = *call.services.accounts.sessions] {
    *session = sessions.login(request);
  };
  co_await call.services.blocking.run(std::move(work));
  if (!*session) {
    note_login_refused(call.services.books, call.request_id, call.request().peer, session->error());
    co_return std::unexpected(std::move(session->error()));
  }
  const Status recorded = record_login(call, (*session)->user);
  if (!recorded) co_return recorded;
  call.exchange.reply_headers().set("Cache-Control", "no-store");
  // The console's scripts never see the token.
  const bool cookie = from_console(call.request());
  if (cookie) set_session_cookie(call, **session);
  std::string body = cookie ? json_of((*session)->user) : json_of(**session);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Status record_login(Call& call, const identity::UserRecord& user) {
  log::info("admin", "user {} logged in from {}", user.id, call.request().peer);
  call.caller = identity::caller_of(user);
  call.audit.caller(call.caller);
  return call.audit.admit_change();
}

Task<Status> show_login(Call& call) {
  call.exchange.reply_headers().set("Cache-Control", "no-store");
  const std::string_view token = console_token(call.request(), call.services);
  Result<identity::Caller> caller = call.services.accounts.sessions->verify(token);
  return reply_json(call, 200, login_json(call, caller ? &*caller : nullptr));
}

Task<Status> log_out(Call& call) {
  if (from_console(call.request())) clear_session_cookie(call);
  return answer(call, logout_work(call));
}
Task<Status> who_am_i(Call& call) { return reply_json(call, 200, json_of(call.caller)); }

Task<Status> list_tenants(Call& call) {
  const Work work = [desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const std::vector<identity::TenantRecord> tenants, desk.tenants.list());
    return list_json("tenants", tenants, [&desk](const identity::TenantRecord& tenant) {
      return identity::reaches(desk.caller, tenant.name);
    });
  };
  return answer(call, work);
}

Task<Status> create_tenant(Call& call) { return answer(call, create_tenant_work(call)); }
Task<Status> set_tenant(Call& call) { return answer(call, set_tenant_work(call)); }
Task<Status> suspend_tenant(Call& call) { return answer(call, suspend_work(call, true)); }
Task<Status> resume_tenant(Call& call) { return answer(call, suspend_work(call, false)); }

Task<Status> list_workspaces(Call& call) {
  const Work work = [desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const std::vector<identity::WorkspaceRecord> all, desk.tenants.workspaces());
    return list_json("workspaces", all, [&desk](const identity::WorkspaceRecord& workspace) {
      return identity::reaches(desk.caller, workspace.tenant);
    });
  };
  return answer(call, work);
}

Task<Status> create_workspace(Call& call) { return answer(call, create_workspace_work(call)); }

}  // namespace xc::gateway
