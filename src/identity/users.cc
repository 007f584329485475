#include "identity/users.h"

#include <fmt/core.h>

#include "base/limits.h"
#include "identity/columns.h"
#include "identity/password.h"
#include "identity/sealed_columns.h"
#include "identity/totp.h"

namespace xc::identity {
namespace {

constexpr std::string_view kColumns =
    "id, tenant, name, role, totp_secret, created_unix_ms, last_login_unix_ms, "
    "locked_until_unix_ms, disabled_unix_ms, totp_waiting";

UserRecord record_of(const store::Row& row) {
  UserRecord user;
  user.id = text_in(row.at(0));
  user.tenant = text_in(row.at(1));
  user.name = text_in(row.at(2));
  user.role = role_of_name(text_in(row.at(3))).value_or(Role::None);
  user.totp = !text_in(row.at(4)).empty();
  user.created_unix_ms = integer_in(row.at(5)).value_or(0);
  user.last_login_unix_ms = integer_in(row.at(6));
  user.locked_until_unix_ms = integer_in(row.at(7));
  user.disabled_unix_ms = integer_in(row.at(8));
  user.totp_waiting = !text_in(row.at(9)).empty();
  return user;
}

Status check_role(const UserSpec& spec) {
  const bool fits =
      spec.role != Role::None && (spec.role != Role::PlatformAdmin || spec.tenant == kFirstTenant);
  if (fits) return {};
  return fail(
      Code::InvalidRequest, Message::BadSetting,
      {"role", std::string(name_of(spec.role)),
       "platform_admin (tenant default), tenant_admin, developer, auditor, safety_officer"});
}

Status check_subject_free(store::Database& database, const UserSpec& spec) {
  XC_TRY(const std::vector<store::Row> rows,
         database.query("SELECT user_id FROM user_links WHERE issuer = :p0 AND subject = :p1 "
                        "AND tenant = :p2",
                        {spec.issuer, spec.subject, spec.tenant}));
  if (rows.empty()) return {};
  return fail(Code::Conflict, Message::SubjectTaken);
}

}  // namespace

UserStore::UserStore(store::Database& database, Clock& clock, RandomSource& random,
                     const secrets::MasterKey& master)
    : database_(database),
      clock_(clock),
      random_(random),
      second_factors_(master.sealer(kSecondFactors)) {}

Result<UserRecord> UserStore::create(const UserSpec& spec) {
  XC_CHECK(check_label("name", spec.name));
  XC_CHECK(check_role(spec));
  XC_TRY(const std::vector<store::Row> tenant,
         database_.query("SELECT id FROM tenants WHERE name = :p0", {spec.tenant}));
  if (tenant.empty()) {
    return fail(Code::NotFound, Message::NoSuchTenant, {spec.tenant.substr(0, 64)});
  }
  if (find(spec.tenant, spec.name)) return fail(Code::Conflict, Message::NameTaken, {spec.name});
  // Who has no password costs as much to guess as who has one.
  Result<std::string> hash = spec.subject.empty() ? hash_password(spec.password, random_)
                                                  : Result<std::string>(nobodys_hash());
  if (!hash) return std::unexpected(std::move(hash.error()));
  const std::string id = make_hex_id(random_);
  const std::lock_guard hold(adding_);  // not over the hash: others need not wait for that
  XC_CHECK(check_room(database_, "users", spec.tenant, "users", limits::kTenantUsersMax));
  std::vector<store::Database::Statement> statements{
      {"INSERT INTO users (id, tenant, name, role, password_hash, created_unix_ms) "
       "VALUES (:p0, :p1, :p2, :p3, :p4, :p5)",
       {id, spec.tenant, spec.name, std::string(name_of(spec.role)), *hash, clock_.unix_ms()}}};
  if (!spec.subject.empty()) {
    XC_CHECK(check_subject_free(database_, spec));
    statements.push_back(
        {"INSERT INTO user_links (issuer, subject, tenant, user_id, created_unix_ms) "
         "VALUES (:p0, :p1, :p2, :p3, :p4)",
         {spec.issuer, spec.subject, spec.tenant, id, clock_.unix_ms()}});
  }
  statements.push_back(note_change());
  XC_CHECK(database_.transaction(statements));
  return find(id);
}

Result<std::vector<UserRecord>> UserStore::list() const { return list_where("1 = 1", {}); }

Result<std::vector<UserRecord>> UserStore::locked() const {
  return list_where("locked_until_unix_ms > :p0 AND disabled_unix_ms IS NULL", {clock_.unix_ms()});
}

Result<std::vector<UserRecord>> UserStore::list_where(
    std::string_view condition, const std::vector<store::Value>& values) const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query(fmt::format("SELECT {} FROM users WHERE {} ORDER BY tenant, name",
                                     kColumns, condition),
                         values));
  std::vector<UserRecord> users;
  users.reserve(rows.size());
  for (const store::Row& row : rows) users.push_back(record_of(row));
  return users;
}

Result<UserRecord> UserStore::find(const std::string& id) const {
  return find_where("id = :p0", {id}, id);
}

Result<UserRecord> UserStore::find(const std::string& tenant, const std::string& name) const {
  return find_where("tenant = :p0 AND name = :p1", {tenant, name}, name);
}

Result<UserRecord> UserStore::find_where(std::string_view condition,
                                         std::vector<store::Value> values,
                                         const std::string& shown) const {
  XC_TRY(
      const std::vector<store::Row> rows,
      database_.query(fmt::format("SELECT {} FROM users WHERE {}", kColumns, condition), values));
  if (rows.empty()) return fail(Code::NotFound, Message::NoSuchUser, {shown.substr(0, 64)});
  return record_of(rows.front());
}

Status UserStore::change(const std::string& id, std::string_view set, store::Value value) {
  XC_TRY(const UserRecord user, find(id));
  return database_.transaction(
      {{fmt::format("UPDATE users SET {}, failures = 0, locked_until_unix_ms = NULL "
                    "WHERE id = :p1",
                    set),
        {std::move(value), user.id}},
       {"DELETE FROM sessions WHERE user_id = :p0", {user.id}},
       note_change()});
}

Status UserStore::set_password(const std::string& id, std::string_view password) {
  XC_TRY(std::string hash, hash_password(password, random_));
  return change(id, "password_hash = :p0", std::move(hash));
}

Result<std::string> UserStore::enable_totp(const std::string& id) {
  XC_TRY(const UserRecord user, find(id));
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT totp_secret FROM users WHERE id = :p0", {user.id}));
  const std::string kept = rows.empty() ? std::string() : text_in(rows.front().at(0));
  std::string secret = make_totp_secret(random_);
  XC_TRY(std::string sealed, second_factors_.seal({user.id}, secret));
  // One that the master key does not open lets nobody in: there is nothing to keep it for.
  if (!kept.empty() && !second_factors_.unseal({user.id}, kept)) {
    XC_CHECK(change(user.id, "totp_secret = :p0, totp_waiting = NULL", std::move(sealed)));
    return secret;
  }
  XC_CHECK(database_.execute("UPDATE users SET totp_waiting = :p0 WHERE id = :p1",
                             {std::move(sealed), user.id}));
  return secret;
}

Status UserStore::disable_totp(const std::string& id) {
  return change(id, "totp_secret = :p0, totp_waiting = :p0", nullptr);
}

Status UserStore::set_role(const std::string& id, Role role) {
  XC_TRY(const UserRecord user, find(id));
  XC_CHECK(check_role({user.name, user.tenant, role, {}}));
  return database_.transaction(
      {{"UPDATE users SET role = :p0 WHERE id = :p1", {std::string(name_of(role)), user.id}},
       note_change()});
}

Status UserStore::disable(const std::string& id) {
  return change(id, "disabled_unix_ms = :p0", clock_.unix_ms());
}

Status UserStore::enable(const std::string& id) {
  return change(id, "disabled_unix_ms = :p0", nullptr);
}

}  // namespace xc::identity
