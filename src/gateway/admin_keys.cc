// Keys over HTTP.
#include <boost/json/value.hpp>

#include "base/limits.h"
#include "gateway/admin_identity.h"
#include "gateway/admin_work.h"
#include "gateway/identity_json.h"
#include "schema/json_reader.h"

namespace xc::gateway {
namespace {

// Whether the caller may make or change a key of this kind. Not reaching its tenant is told by the
// callers themselves, as absence.
Status check_right(const identity::Caller& caller, identity::Role role, const std::string& tenant,
                   const identity::Scopes::Texts& scopes) {
  if (!identity::may_manage(caller, role, tenant)) {
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(identity::name_of(role))});
  }
  if (!identity::within(caller, scopes)) return fail(Code::Forbidden, Message::RestrictedKey);
  return {};
}

// Of keys whose secret the caller gets.
Status check_life(const identity::Caller& caller, std::optional<std::int64_t> expires_unix_ms) {
  if (identity::within_life(caller, expires_unix_ms)) return {};
  return fail(Code::Forbidden, Message::ExpiringKey);
}

Result<Work> create_work(const Call& call) {
  XC_TRY(identity::KeySpec spec,
         key_spec_of(call.request().body, call.caller.tenant, call.services.clock.unix_ms()));
  if (!identity::reaches(call.caller, spec.tenant)) {
    return fail(Code::NotFound, Message::NoSuchWorkspace,
                {spec.tenant.substr(0, 64), spec.workspace.substr(0, 64)});
  }
  XC_CHECK(check_right(call.caller, spec.role, spec.tenant, spec.scopes));
  XC_CHECK(check_life(call.caller, spec.expires_unix_ms));
  return [spec = std::move(spec), desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::KeyStore::NewKey made, desk.keys.create(spec));
    note(desk, "key_made", made.record.tenant, made.record.id);
    return json_of(made.record, made.secret);
  };
}

// The key, when it exists for this caller and may be changed.
Result<identity::KeyRecord> key_within_reach(const Desk& desk, const std::string& id) {
  XC_TRY(identity::KeyRecord key, desk.keys.find(id));
  if (!identity::reaches(desk.caller, key.tenant)) {
    return fail(Code::NotFound, Message::NoSuchKey, {id.substr(0, 64)});
  }
  XC_CHECK(check_right(desk.caller, key.role, key.tenant, key.scopes));
  return key;
}

Result<Work> rotate_work(const Call& call) {
  std::int64_t overlap_s = 0;
  if (!call.request().body.empty()) {
    boost::json::value document;
    XC_TRY(const schema::JsonObject body, schema::read_body(call.request().body, document));
    std::optional<std::int64_t> wanted;
    XC_CHECK(body.integer("overlap_s", wanted, 0, limits::kKeyOverlapMax.count()));
    overlap_s = wanted.value_or(0);
  }
  return [id = call.parameter, overlap_s, desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::KeyRecord key, key_within_reach(desk, id));
    XC_CHECK(check_life(desk.caller, key.expires_unix_ms));
    XC_TRY(const identity::KeyStore::NewKey made, desk.keys.rotate(key.id, overlap_s * 1000));
    note(desk, "key_rotated", key.tenant, key.id);
    return json_of(made.record, made.secret);
  };
}

Result<Work> revoke_work(const Call& call) {
  return [id = call.parameter, desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const identity::KeyRecord key, key_within_reach(desk, id));
    XC_CHECK(desk.keys.revoke(key.id));
    note(desk, "key_revoked", key.tenant, key.id);
    XC_TRY(const identity::KeyRecord gone, desk.keys.find(key.id));
    return json_of(gone);
  };
}

}  // namespace

Task<Status> list_keys(Call& call) {
  const Work work = [desk = desk_of(call)]() -> Result<std::string> {
    XC_TRY(const std::vector<identity::KeyRecord> keys, desk.keys.list());
    return list_json("keys", keys, [&desk](const identity::KeyRecord& key) {
      return identity::reaches(desk.caller, key.tenant);
    });
  };
  return answer(call, work);
}

Task<Status> create_key(Call& call) { return answer(call, create_work(call)); }
Task<Status> rotate_key(Call& call) { return answer(call, rotate_work(call)); }
Task<Status> revoke_key(Call& call) { return answer(call, revoke_work(call)); }

}  // namespace xc::gateway
