#include "identity/sessions.h"

#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "base/limits.h"
#include "base/log.h"
#include "identity/columns.h"
#include "identity/key_hash.h"
#include "identity/key_rows.h"
#include "identity/login_throttle.h"
#include "identity/password.h"
#include "identity/sealed_columns.h"
#include "identity/second_factor.h"

namespace xc::identity {
namespace {

constexpr std::size_t kTokenRandomChars = 43;  // × 5.95 bits = 256

struct Known {
  KeyHash hash;
  std::int64_t expires_unix_ms;
  Caller caller;
};
using Sessions = std::unordered_map<KeyHash, Known, FirstBytes>;  // never changed once shown

// What a login is checked against.
struct Account {
  UserRecord user;
  std::string password_hash;
  SecondFactors factors;
  std::int64_t failures = 0;
  bool suspended = false;  // its tenant

  bool open(std::int64_t now) const {
    return !suspended && !user.disabled_unix_ms && user.locked_until_unix_ms.value_or(0) <= now;
  }
};

// Counts who computes or waits; releases at scope exit.
class Turn {
 public:
  explicit Turn(std::atomic<int>& waiting) : waiting_(waiting), place_(++waiting) {}
  ~Turn() { --waiting_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool in_time() const { return place_ <= limits::kLoginsWaitingMax; }

 private:
  std::atomic<int>& waiting_;
  const int place_;
};

std::unexpected<Error> throttled(int wait_s) {
  Error error{Code::RateLimited, Message::LoginThrottled, {std::to_string(wait_s)}, {}, {}, wait_s};
  return fail(std::move(error));
}

}  // namespace

Caller caller_of(const UserRecord& user) {
  Caller caller;
  caller.key_id = "user_" + user.id;
  caller.tenant = user.tenant;
  caller.role = user.role;
  caller.user_id = user.id;
  caller.user_name = user.name;
  return caller;
}

struct SessionStore::Parts {
  store::Database& database;
  Clock& clock;
  RandomSource& random;
  secrets::Sealer second_factors;
  LoginThrottle throttle{};
  std::atomic<int> waiting{0};
  std::mutex checking{};  // one login at a time: failures are counted before the next is looked at
  std::mutex changing{};  // of the table
  std::int64_t changes_seen = -1;
  std::atomic<std::shared_ptr<const Sessions>> sessions{std::make_shared<const Sessions>()};

  Result<std::optional<Account>> account_where(std::string_view condition,
                                               const std::vector<store::Value>& values) const;
  Status count_failure(const std::optional<Account>& open, std::int64_t now);
  // Counts it, for the source and the account. `account`: the one that was named, if any. BadLogin.
  std::unexpected<Error> refuse(const std::optional<Account>& account, const std::string& peer,
                                std::int64_t now);
  // Error: BadLogin when the account was changed after it was looked at.
  Result<Session> begin(const Account& account, const CodeTaken& code, std::int64_t now);
};

SessionStore::SessionStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SessionStore::~SessionStore() = default;

Result<std::unique_ptr<SessionStore>> SessionStore::open(store::Database& database, Clock& clock,
                                                         RandomSource& random,
                                                         const secrets::MasterKey& master) {
  std::unique_ptr<SessionStore> sessions(new SessionStore(
      std::unique_ptr<Parts>(new Parts{database, clock, random, master.sealer(kSecondFactors)})));
  XC_CHECK(sessions->reload());
  return sessions;
}

Result<std::optional<Account>> SessionStore::Parts::account_where(
    std::string_view condition, const std::vector<store::Value>& values) const {
  XC_TRY(const std::vector<store::Row> rows,
         database.query(
             "SELECT u.id, u.tenant, u.name, u.role, u.password_hash, u.totp_secret, u.totp_step, "
             "u.failures, u.locked_until_unix_ms, u.disabled_unix_ms, u.created_unix_ms, "
             "t.suspended_unix_ms, u.totp_waiting FROM users u JOIN tenants t ON t.name = u.tenant "
             "WHERE " +
                 std::string(condition),
             values));
  if (rows.empty()) return std::nullopt;
  const store::Row& row = rows.front();
  Account account;
  account.user.id = text_in(row.at(0));
  account.user.tenant = text_in(row.at(1));
  account.user.name = text_in(row.at(2));
  account.user.role = role_of_name(text_in(row.at(3))).value_or(Role::None);
  account.password_hash = text_in(row.at(4));
  account.factors = {text_in(row.at(5)), text_in(row.at(12)), integer_in(row.at(6)).value_or(0)};
  account.user.totp = account.factors.needed();
  account.failures = integer_in(row.at(7)).value_or(0);
  account.user.locked_until_unix_ms = integer_in(row.at(8));
  account.user.disabled_unix_ms = integer_in(row.at(9));
  account.user.created_unix_ms = integer_in(row.at(10)).value_or(0);
  account.suspended = integer_in(row.at(11)).has_value();
  return account;
}

// One change of one row on the disk in any case: else the time would tell whether the name exists.
Status SessionStore::Parts::count_failure(const std::optional<Account>& open, std::int64_t now) {
  if (!open) {
    return database.execute(
        "INSERT INTO identity_state (name, value) VALUES ('nobodys_failures', 1) "
        "ON CONFLICT (name) DO UPDATE SET value = identity_state.value + 1");
  }
  const bool lock = open->failures + 1 >= limits::kLoginFailuresMax;
  const std::int64_t failures = lock ? 0 : open->failures + 1;
  constexpr std::int64_t kLockMs = std::chrono::milliseconds(limits::kLoginLockout).count();
  const store::Value until = lock ? store::Value(now + kLockMs) : store::Value(nullptr);
  if (lock) log::warn("identity", "user {} is locked after failed logins", open->user.id);
  return database.execute(
      "UPDATE users SET failures = :p0, locked_until_unix_ms = :p1 WHERE id = :p2",
      {failures, until, open->user.id});
}

std::unexpected<Error> SessionStore::Parts::refuse(const std::optional<Account>& account,
                                                   const std::string& peer, std::int64_t now) {
  throttle.failed(peer, now);
  const bool counts = account && account->open(now);
  const Status counted = count_failure(counts ? account : std::nullopt, now);
  if (!counted) return std::unexpected(counted.error());
  log::info("identity", "login from {} refused{}", peer,
            account ? " for user " + account->user.id : std::string());
  return fail(Code::Unauthorized, Message::BadLogin);
}

Result<Session> SessionStore::Parts::begin(const Account& account, const CodeTaken& code,
                                           std::int64_t now) {
  Session session;
  session.token = make_id(random, kTokenPrefix, kTokenRandomChars);
  session.expires_unix_ms = now + std::chrono::milliseconds(limits::kSessionLife).count();
  session.user = account.user;
  session.user.last_login_unix_ms = now;
  session.user.locked_until_unix_ms = std::nullopt;
  session.user.totp = session.user.totp || code.confirms;
  const std::string hash = hex_of(hash_of(session.token));
  const auto keep = static_cast<std::int64_t>(limits::kSessionsPerUserMax) - 1;
  const SecondFactors& were = account.factors;
  const std::string& in_force = code.confirms ? were.waiting : were.in_force;
  const std::string& waiting = code.confirms ? std::string() : were.waiting;
  // Only as long as the user is as it was checked: a password that was reset meanwhile, a new
  // authenticator, or disabling ends sessions, and this one too.
  XC_CHECK(database.transaction(
      {{"UPDATE users SET failures = 0, locked_until_unix_ms = NULL, last_login_unix_ms = :p0, "
        "totp_step = :p1, totp_secret = NULLIF(:p5, ''), totp_waiting = NULLIF(:p7, '') "
        "WHERE id = :p2 AND password_hash = :p3 AND COALESCE(totp_secret, '') = :p4 "
        "AND COALESCE(totp_waiting, '') = :p6 AND disabled_unix_ms IS NULL",
        {now, code.step, account.user.id, account.password_hash, were.in_force, in_force,
         were.waiting, waiting}},
       {"DELETE FROM sessions WHERE expires_unix_ms <= :p0", {now}},
       {"DELETE FROM sessions WHERE user_id = :p0 AND hash NOT IN (SELECT hash FROM sessions "
        "WHERE user_id = :p0 ORDER BY created_unix_ms DESC, hash LIMIT :p1)",
        {account.user.id, code.confirms ? std::int64_t{0} : keep}},
       {"INSERT INTO sessions (hash, user_id, created_unix_ms, expires_unix_ms) "
        "SELECT :p0, id, :p1, :p2 FROM users WHERE id = :p3 AND password_hash = :p4 "
        "AND COALESCE(totp_secret, '') = :p5 AND COALESCE(totp_waiting, '') = :p6 "
        "AND disabled_unix_ms IS NULL",
        {hash, now, session.expires_unix_ms, account.user.id, account.password_hash, in_force,
         waiting}},
       note_change()}));
  XC_TRY(const std::vector<store::Row> begun,
         database.query("SELECT user_id FROM sessions WHERE hash = :p0", {hash}));
  if (begun.empty()) return fail(Code::Unauthorized, Message::BadLogin);
  return session;
}

Result<Session> SessionStore::login(const LoginRequest& request) {
  const Turn turn(parts_->waiting);
  if (!turn.in_time()) return throttled(1);
  const std::lock_guard hold(parts_->checking);
  const std::int64_t now = parts_->clock.unix_ms();
  if (const int wait = parts_->throttle.wait_s(request.peer, now); wait > 0) return throttled(wait);
  XC_TRY(const std::optional<Account> account,
         parts_->account_where("u.tenant = :p0 AND u.name = :p1", {request.tenant, request.name}));
  // Always computed, so that a name that does not exist takes as long as one that does.
  const bool right =
      password_matches(account ? account->password_hash : nobodys_hash(), request.password);
  bool admitted = account && account->open(now) && right;
  CodeTaken code{account ? account->factors.last_step : 0, false};
  if (admitted && (account->factors.needed() || !request.code.empty())) {
    XC_TRY(const std::optional<CodeTaken> taken, take_code(parts_->second_factors, account->user.id,
                                                           account->factors, request.code, now));
    // Who has no authenticator may say a code or not.
    admitted = taken || (!account->factors.needed() && account->factors.waiting.empty());
    code = taken.value_or(code);
  }
  if (!admitted) return parts_->refuse(account, request.peer, now);
  XC_TRY(Session session, parts_->begin(*account, code, now));
  XC_CHECK(reload());
  return session;
}

Status SessionStore::confirm_totp(const std::string& user_id, const std::string& code,
                                  const std::string& peer) {
  const Turn turn(parts_->waiting);
  if (!turn.in_time()) return throttled(1);
  const std::lock_guard hold(parts_->checking);
  const std::int64_t now = parts_->clock.unix_ms();
  if (const int wait = parts_->throttle.wait_s(peer, now); wait > 0) return throttled(wait);
  XC_TRY(const std::optional<Account> account, parts_->account_where("u.id = :p0", {user_id}));
  if (account && account->factors.waiting.empty()) {
    return fail(Code::Conflict, Message::NothingToConfirm);
  }
  std::optional<CodeTaken> taken;
  if (account && account->open(now)) {
    taken = take_first_code(parts_->second_factors, user_id, account->factors, code, now);
  }
  if (!taken) return parts_->refuse(account, peer, now);
  XC_CHECK(parts_->database.transaction(
      {{"DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE id = :p0 "
        "AND totp_waiting = :p1)",
        {user_id, account->factors.waiting}},
       {"UPDATE users SET totp_secret = totp_waiting, totp_waiting = NULL, totp_step = :p0, "
        "failures = 0 WHERE id = :p1 AND totp_waiting = :p2",
        {taken->step, user_id, account->factors.waiting}},
       note_change()}));
  return reload();
}

Result<Session> SessionStore::admit(const std::string& user_id) {
  XC_TRY(const std::optional<Account> account, parts_->account_where("u.id = :p0", {user_id}));
  if (!account || account->suspended || account->user.disabled_unix_ms) {
    return fail(Code::Forbidden, Message::UserOff);
  }
  XC_TRY(Session session,
         parts_->begin(*account, {account->factors.last_step, false}, parts_->clock.unix_ms()));
  XC_CHECK(reload());
  return session;
}

Result<Caller> SessionStore::verify(std::string_view token) const {
  if (token.size() > limits::kApiKeyBytesMax) return fail(Code::Unauthorized, Message::BadKey);
  const KeyHash hash = hash_of(token);
  const std::shared_ptr<const Sessions> sessions = parts_->sessions.load();
  const auto found = sessions->find(hash);
  if (found == sessions->end() || !same(found->second.hash, hash) ||
      parts_->clock.unix_ms() >= found->second.expires_unix_ms) {
    return fail(Code::Unauthorized, Message::BadKey);
  }
  return found->second.caller;
}

int SessionStore::sources_refused() const {
  return parts_->throttle.refused(parts_->clock.unix_ms());
}

Status SessionStore::logout(std::string_view token) {
  XC_CHECK(parts_->database.transaction(
      {{"DELETE FROM sessions WHERE hash = :p0", {hex_of(hash_of(token))}}, note_change()}));
  return reload();
}

Status SessionStore::reload() {
  const std::lock_guard hold(parts_->changing);
  XC_TRY(const std::int64_t changes, changes_so_far(parts_->database));
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query(
             "SELECT s.hash, s.expires_unix_ms, u.id, u.tenant, u.role, u.name FROM sessions s "
             "JOIN users u ON u.id = s.user_id JOIN tenants t ON t.name = u.tenant "
             "WHERE s.expires_unix_ms > :p0 AND u.disabled_unix_ms IS NULL "
             "AND t.suspended_unix_ms IS NULL",
             {parts_->clock.unix_ms()}));
  Sessions fresh;
  for (const store::Row& row : rows) {
    const std::optional<KeyHash> hash = hash_of_hex(text_in(row.at(0)));
    if (!hash) continue;
    UserRecord user;
    user.id = text_in(row.at(2));
    user.tenant = text_in(row.at(3));
    user.role = role_of_name(text_in(row.at(4))).value_or(Role::None);
    user.name = text_in(row.at(5));
    fresh.emplace(*hash, Known{*hash, integer_in(row.at(1)).value_or(0), caller_of(user)});
  }
  parts_->sessions.store(std::make_shared<const Sessions>(std::move(fresh)));
  parts_->changes_seen = changes;
  return {};
}

Status SessionStore::refresh() {
  XC_TRY(const std::int64_t changes, changes_so_far(parts_->database));
  {
    const std::lock_guard hold(parts_->changing);
    if (changes == parts_->changes_seen) return {};
  }
  return reload();
}

}  // namespace xc::identity
