#include "identity/external_users.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "identity/columns.h"
#include "identity/key_hash.h"
#include "identity/sealed_columns.h"

namespace xc::identity {
namespace {

constexpr std::size_t kEndingChars = 8;

// "li" is taken by a local user or another person: "li#3fa9c1d2", the same each time.
std::string name_with_ending(const ExternalPerson& person) {
  const std::string digest = hex_of(hash_of(person.issuer + " " + person.subject));
  std::size_t cut = std::min(person.name.size(), limits::kKeyNameBytesMax - kEndingChars - 1);
  while (cut > 0 && cut < person.name.size() &&
         (static_cast<unsigned char>(person.name[cut]) & 0xC0) == 0x80) {
    --cut;
  }
  return person.name.substr(0, cut) + "#" + digest.substr(0, kEndingChars);
}

SealKey key_in(const KeyHash& hash) {
  SealKey key{};
  std::ranges::copy(hash, key.begin());
  return key;
}

}  // namespace

ExternalUsers::ExternalUsers(store::Database& database, Clock& clock, RandomSource& random,
                             UserStore& users, const secrets::MasterKey& master)
    : database_(database),
      clock_(clock),
      random_(random),
      users_(users),
      shared_keys_(master.sealer(kSharedKeys)) {}

Result<std::optional<UserRecord>> ExternalUsers::find(const ExternalPerson& person,
                                                      const std::string& tenant) {
  XC_TRY(
      const std::vector<store::Row> rows,
      database_.query("SELECT l.user_id, l.tenant, u.disabled_unix_ms FROM user_links l "
                      "JOIN users u ON u.id = l.user_id WHERE l.issuer = :p0 AND l.subject = :p1",
                      {person.issuer, person.subject}));
  std::string id;
  for (const store::Row& row : rows) {
    if (integer_in(row.at(2))) return fail(Code::Forbidden, Message::UserOff);
    if (text_in(row.at(1)) == tenant) id = text_in(row.at(0));
  }
  if (id.empty()) return std::nullopt;
  XC_TRY(UserRecord user, users_.find(id));
  return user;
}

Result<ExternalUsers::Found> ExternalUsers::admit(const ExternalPerson& person,
                                                  const Placement& placement, bool create) {
  const std::lock_guard hold(lock_);  // one person in two windows is one user
  XC_TRY(const std::vector<store::Row> tenant,
         database_.query("SELECT suspended_unix_ms FROM tenants WHERE name = :p0",
                         {placement.tenant}));
  if (tenant.empty()) {
    return fail(Code::Forbidden, Message::OidcNoTenant, {placement.tenant.substr(0, 64)});
  }
  if (integer_in(tenant.front().at(0))) return fail(Code::Forbidden, Message::UserOff);
  XC_TRY(const std::optional<UserRecord> known, find(person, placement.tenant));
  if (known) {
    if (!placement.role || *placement.role == known->role) return Found{*known};
    XC_CHECK(users_.set_role(known->id, *placement.role));
    log::info("identity", "user {}: role {} by its provider", known->id, name_of(*placement.role));
    XC_TRY(UserRecord changed, users_.find(known->id));
    return Found{std::move(changed)};
  }
  if (!create || !placement.role) return fail(Code::Forbidden, Message::OidcNoUser);
  UserSpec spec{person.name, placement.tenant, *placement.role, {}, person.issuer, person.subject};
  Result<UserRecord> made = users_.create(spec);
  if (!made && made.error().message == Message::NameTaken) {
    spec.name = name_with_ending(person);
    made = users_.create(spec);
  }
  // Another gateway was first.
  if (!made && made.error().message == Message::SubjectTaken) {
    XC_TRY(std::optional<UserRecord> there, find(person, placement.tenant));
    if (there) return Found{std::move(*there)};
  }
  if (!made) return std::unexpected(std::move(made.error()));
  return Found{std::move(*made), true};
}

Result<bool> ExternalUsers::is_linked(const std::string& user_id) const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT issuer FROM user_links WHERE user_id = :p0", {user_id}));
  return !rows.empty();
}

Result<bool> ExternalUsers::use_state(const LoginState& login) {
  const std::int64_t now = clock_.unix_ms();
  XC_CHECK(database_.execute("DELETE FROM oidc_states WHERE expires_unix_ms <= :p0", {now}));
  XC_TRY(const std::vector<store::Row> last,
         database_.query("SELECT hash FROM oidc_states LIMIT 1 OFFSET :p0",
                         {limits::kOidcStatesMax - 1}));
  if (!last.empty()) {
    Error full{Code::RateLimited, Message::LoginThrottled, {"60"}, {}, {}, 60};
    return fail(std::move(full));
  }
  const std::string hash = hex_of(hash_of(login.state));
  const std::string claim = make_hex_id(random_);
  XC_CHECK(database_.execute(
      "INSERT INTO oidc_states (hash, claim, expires_unix_ms) VALUES (:p0, :p1, :p2) "
      "ON CONFLICT (hash) DO NOTHING",
      {hash, claim, login.expires_unix_ms}));
  XC_TRY(const std::vector<store::Row> first,
         database_.query("SELECT claim FROM oidc_states WHERE hash = :p0", {hash}));
  return !first.empty() && text_in(first.front().at(0)) == claim;
}

Result<SealKey> ExternalUsers::seal_key() {
  const std::lock_guard hold(lock_);
  if (key_) return *key_;
  const std::string name(kLoginStateKey);
  XC_TRY(std::string fresh, shared_keys_.seal({name}, make_hex_id(random_) + make_hex_id(random_)));
  XC_CHECK(database_.execute(
      "INSERT INTO identity_secrets (name, value) VALUES (:p0, :p1) ON CONFLICT (name) DO NOTHING",
      {name, std::move(fresh)}));
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT value FROM identity_secrets WHERE name = :p0", {name}));
  if (rows.empty()) return fail_internal("identity_secrets has no " + name);
  const std::optional<std::string> hex = shared_keys_.unseal({name}, text_in(rows.front().at(0)));
  if (!hex) {
    log::error("identity", "the master key {} does not open the {} of the database",
               shared_keys_.path(), name);
    return fail(Code::Unavailable, Message::LoginKeySealed);
  }
  const std::optional<KeyHash> bytes = hash_of_hex(*hex);
  if (!bytes) return fail_internal("identity_secrets has no usable " + name);
  key_ = key_in(*bytes);
  return *key_;
}

}  // namespace xc::identity
