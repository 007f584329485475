// Users over HTTP.
#include <boost/json/value.hpp>

#include "base/limits.h"
#include "gateway/admin_identity.h"
#include "gateway/admin_work.h"
#include "gateway/identity_json.h"
#include "gateway/oidc_provider.h"
#include "identity/totp.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"

namespace xc::gateway {
namespace {

// A user has no restrictions and no end: a key that has may not make one, nor take one over.
Status check_right(const identity::Caller& caller, identity::Role role, const std::string& tenant) {
  if (!identity::may_manage(caller, role, tenant)) {
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(identity::name_of(role))});
  }
  if (!identity::within(caller, {})) return fail(Code::Forbidden, Message::RestrictedKey);
  if (!identity::within_life(caller, {})) return fail(Code::Forbidden, Message::ExpiringKey);
  return {};
}

// A user has a role; `none` is for keys.
Result<identity::Role> role_in(const schema::JsonObject& body) {
  XC_TRY(const schema::JsonField role, body.need("role"));
  XC_TRY(const std::size_t index, role.as_one_of({"platform_admin", "tenant_admin", "developer",
                                                  "auditor", "safety_officer"}));
  return static_cast<identity::Role>(index + 1);
}

Result<Work> create_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  identity::UserSpec spec;
  spec.tenant = call.caller.tenant;
  XC_TRY(spec.name, body.need_text("name"));
  XC_CHECK(body.text("subject", spec.subject));
  if (spec.subject.empty()) {
    XC_TRY(spec.password, body.need_text("password"));
  } else {
    if (call.services.oidc == nullptr) return fail(Code::InvalidRequest, Message::OidcOff);
    spec.issuer = call.services.oidc->settings().issuer;
  }
  XC_CHECK(body.text("tenant", spec.tenant));
  XC_TRY(spec.role, role_in(body));
  if (!identity::reaches(call.caller, spec.tenant)) {
    return fail(Code::NotFound, Message::NoSuchTenant, {spec.tenant.substr(0, 64)});
  }
  XC_CHECK(check_right(call.caller, spec.role, spec.tenant));
  return [spec = std::move(spec), desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::UserRecord user, desk.users.create(spec));
    note(desk, "user_made", user.tenant, user.id);
    return json_of(user);
  };
}

// The user, when it exists for this caller and may be changed.
Result<identity::UserRecord> user_within_reach(const Desk& desk, const std::string& id) {
  XC_TRY(identity::UserRecord user, desk.users.find(id));
  if (!identity::reaches(desk.caller, user.tenant)) {
    return fail(Code::NotFound, Message::NoSuchUser, {id.substr(0, 64)});
  }
  XC_CHECK(check_right(desk.caller, user.role, user.tenant));
  return user;
}

// What changes a user ends the user's sessions; `change` gives the reply, or an empty text for the
// user's record.
using Change = std::function<Result<std::string>(const Desk&, const identity::UserRecord&)>;
Work change_work(const Call& call, std::string_view event, Change change, std::string to = {}) {
  return [id = call.parameter, event, change = std::move(change), to = std::move(to),
          desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::UserRecord user, user_within_reach(desk, id));
    XC_TRY(std::string reply, change(desk, user));
    XC_CHECK(desk.sessions.reload());
    note(desk, event, user.tenant, to.empty() ? user.id : user.id + ": " + to);
    if (!reply.empty()) return reply;
    XC_TRY(const identity::UserRecord changed, desk.users.find(user.id));
    return json_of(changed);
  };
}

Change password_change(std::string password) {
  return [password = std::move(password)](const Desk& desk,
                                          const identity::UserRecord& user) -> Result<std::string> {
    XC_CHECK(desk.users.set_password(user.id, password));
    return std::string();
  };
}

Result<Work> password_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(std::string password, body.need_text("password"));
  return change_work(call, "user_password_set", password_change(std::move(password)));
}

Result<std::string> switch_totp_on(const Desk& desk, const identity::UserRecord& user) {
  XC_TRY(const std::string secret, desk.users.enable_totp(user.id));
  std::string out;
  schema::JsonWriter w(out);
  w.text("secret", secret);
  w.text("uri", identity::totp_uri(secret, user.tenant + "/" + user.name));
  w.end();
  return out;
}

Result<std::string> switch_totp_off(const Desk& desk, const identity::UserRecord& user) {
  XC_CHECK(desk.users.disable_totp(user.id));
  return std::string();
}

Result<bool> enabled_in(const schema::JsonObject& body) {
  XC_TRY(const schema::JsonField field, body.need("enabled"));
  return field.as_flag();
}

Result<Work> totp_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(const bool enabled, enabled_in(body));
  if (enabled) return change_work(call, "user_totp_on", &switch_totp_on);
  return change_work(call, "user_totp_off", &switch_totp_off);
}

Result<std::string> disable(const Desk& desk, const identity::UserRecord& user) {
  XC_CHECK(desk.users.disable(user.id));
  return std::string();
}

Result<std::string> enable(const Desk& desk, const identity::UserRecord& user) {
  XC_CHECK(desk.users.enable(user.id));
  return std::string();
}

Result<Work> role_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(const identity::Role role, role_in(body));
  return change_work(
      call, "user_role_set",
      [role](const Desk& desk, const identity::UserRecord& user) -> Result<std::string> {
        XC_CHECK(check_right(desk.caller, role, user.tenant));
        XC_CHECK(desk.users.set_role(user.id, role));
        return std::string();
      },
      std::string(identity::name_of(role)));
}

// What only a session may ask: a key has no password.
Status check_session(const Call& call) {
  if (call.caller.is_session()) return {};
  return fail(Code::Forbidden, Message::NotAllowed, {call.request().path});
}

// A change that users make of themselves. The present password and code prove once more who it is,
// with the bounds and records of every login: whoever found an open session must not take the
// account over.
Result<Work> own_work(const Call& call, const schema::JsonObject& body, std::string_view event,
                      Change change) {
  identity::LoginRequest proof;
  proof.tenant = call.caller.tenant;
  proof.name = call.caller.user_name;
  proof.peer = call.request().peer;
  XC_TRY(proof.password, body.need_text("password"));
  XC_CHECK(body.text("code", proof.code));
  XC_CHECK(check_session(call));
  return [proof = std::move(proof), event, change = std::move(change),
          desk = desk_of(call)]() -> Result<std::string> {
    const Result<identity::Session> session = desk.sessions.login(proof);
    if (!session) {
      note_login_refused(desk.books, desk.request_id, proof.peer, session.error());
      return std::unexpected(session.error());
    }
    Result<std::string> reply = change(desk, session->user);
    XC_CHECK(desk.sessions.logout(session->token));  // reads again which others there are
    if (!reply) return reply;
    note(desk, event, session->user.tenant, session->user.id);
    return reply->empty() ? std::string(R"({"changed":true})") : std::move(*reply);
  };
}

Result<Work> own_password_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(std::string fresh, body.need_text("new_password"));
  // Before the code is used up and a failure counted.
  if (fresh.size() < limits::kPasswordBytesMin || fresh.size() > limits::kPasswordBytesMax) {
    return fail_field("new_password", Message::BadLength,
                      {"new_password", std::to_string(limits::kPasswordBytesMin),
                       std::to_string(limits::kPasswordBytesMax), std::to_string(fresh.size())});
  }
  return own_work(call, body, "own_password_set", password_change(std::move(fresh)));
}

Result<Work> own_totp_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(const bool enabled, enabled_in(body));
  if (enabled) return own_work(call, body, "own_totp_on", &switch_totp_on);
  return own_work(call, body, "own_totp_off", &switch_totp_off);
}

Result<Work> confirm_work(const Call& call) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
  XC_TRY(std::string code, body.need_text("code"));
  XC_CHECK(check_session(call));
  return [code = std::move(code), peer = call.request().peer,
          desk = desk_of(call)]() -> Result<std::string> {
    const Status confirmed = desk.sessions.confirm_totp(desk.caller.user_id, code, peer);
    if (!confirmed) {
      note_login_refused(desk.books, desk.request_id, peer, confirmed.error());
      return std::unexpected(confirmed.error());
    }
    note(desk, "own_totp_confirmed", desk.caller.tenant, desk.caller.user_id);
    return std::string(R"({"changed":true})");
  };
}

}  // namespace

Task<Status> list_users(Call& call) {
  const Work work = [desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const std::vector<identity::UserRecord> users, desk.users.list());
    return list_json("users", users, [&desk](const identity::UserRecord& user) {
      return identity::reaches(desk.caller, user.tenant);
    });
  };
  return answer(call, work);
}

// Hashing a password takes 19 MiB and some 20 ms of a core.
Task<Status> create_user(Call& call) { return answer(call, create_work(call), Weight::Heavy); }
Task<Status> set_user_password(Call& call) {
  return answer(call, password_work(call), Weight::Heavy);
}
Task<Status> set_user_totp(Call& call) { return answer(call, totp_work(call)); }
Task<Status> disable_user(Call& call) {
  return answer(call, change_work(call, "user_disabled", &disable));
}
Task<Status> enable_user(Call& call) {
  return answer(call, change_work(call, "user_enabled", &enable));
}
Task<Status> set_user_role(Call& call) { return answer(call, role_work(call)); }
Task<Status> set_own_password(Call& call) {
  return answer(call, own_password_work(call), Weight::Heavy);
}
Task<Status> set_own_totp(Call& call) { return answer(call, own_totp_work(call), Weight::Heavy); }
Task<Status> confirm_own_totp(Call& call) { return answer(call, confirm_work(call)); }

}  // namespace xc::gateway
