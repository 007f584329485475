#include "identity/keys.h"

#include <fmt/core.h>

#include <atomic>
#include <mutex>

#include "base/limits.h"
#include "identity/columns.h"
#include "identity/key_rows.h"

namespace xc::identity {
namespace {

constexpr std::string_view kKeyPrefix = "xc-";
constexpr std::size_t kKeyRandomChars = 43;  // × 5.95 bits = 256
constexpr std::size_t kShownChars = 10;      // "xc-" and 7 more; 36 stay unknown

using Statement = store::Database::Statement;

std::unexpected<Error> no_key(std::string_view id) {
  return fail(Code::NotFound, Message::NoSuchKey, {std::string(id.substr(0, 64))});
}

// The caller of a key in force, else why not.
Result<Caller> admit(const KnownSecret& secret, std::int64_t now, const std::string& peer) {
  KnownKey& key = *secret.key;
  if (now >= secret.until_unix_ms) return fail(Code::Unauthorized, Message::BadKey);
  if (now >= key.expires_unix_ms) return fail(Code::Unauthorized, Message::KeyExpired);
  if (key.caller.scopes && !key.caller.scopes->allows_source(peer)) {
    return fail(Code::Forbidden, Message::ScopeRefused, {"sources", peer});
  }
  // Written seldom: all threads that use the key share this cache line.
  constexpr std::int64_t kGrainMs = std::chrono::milliseconds(limits::kLastUsedGrain).count();
  if (now - key.last_used_unix_ms.load(std::memory_order_relaxed) >= kGrainMs) {
    key.last_used_unix_ms.store(now, std::memory_order_relaxed);
  }
  return key.caller;
}

}  // namespace

struct KeyStore::Parts {
  store::Database& database;
  Clock& clock;
  RandomSource& random;
  std::mutex changing{};  // one change at a time; readers never take it
  std::int64_t changes_seen = -1;
  std::atomic<std::shared_ptr<const KeyTable>> table{std::make_shared<const KeyTable>()};

  // `edit` changes a copy; requests see the old table or the new one.
  template <typename Edit>
  void change(Edit edit) {
    KeyTable changed = *table.load();
    edit(changed);
    table.store(std::make_shared<const KeyTable>(std::move(changed)));
  }
  Status check(const KeySpec& spec) const;
  Result<store::Row> row_of(std::string_view id) const;
  Status put_in_force(const store::Row& row);
};

// What a spec may not say, before anything is written. Under `changing`.
Status KeyStore::Parts::check(const KeySpec& spec) const {
  XC_CHECK(check_label("name", spec.name));
  XC_CHECK(Scopes::of(spec.scopes));
  if (spec.role == Role::PlatformAdmin && spec.tenant != kFirstTenant) {
    return fail(Code::InvalidRequest, Message::BadSetting,
                {"role", std::string(name_of(spec.role)), "tenant default"});
  }
  if (table.load()->size() >= limits::kKeysMax) {
    return fail(Code::Conflict, Message::TooManyKeys, {std::to_string(limits::kKeysMax)});
  }
  XC_TRY(const std::vector<store::Row> rows,
         database.query("SELECT id FROM workspaces WHERE tenant = :p0 AND name = :p1",
                        {spec.tenant, spec.workspace}));
  if (rows.empty()) {
    return fail(Code::NotFound, Message::NoSuchWorkspace,
                {spec.tenant.substr(0, 64), spec.workspace.substr(0, 64)});
  }
  return check_room(database, "api_keys", spec.tenant, "keys", limits::kTenantKeysMax);
}

Result<store::Row> KeyStore::Parts::row_of(std::string_view id) const {
  const std::string columns(kKeyColumns);
  XC_TRY(std::vector<store::Row> rows,
         database.query(fmt::format("SELECT {} FROM api_keys k WHERE k.id = :p0", columns),
                        {std::string(id.substr(0, limits::kApiKeyBytesMax))}));
  if (!rows.empty()) return std::move(rows.front());
  if (id.size() != 32) return no_key(id);
  // A service id is computed, so it is looked for among all; only administrators come here.
  XC_TRY(std::vector<store::Row> all,
         database.query(fmt::format("SELECT {} FROM api_keys k", columns)));
  for (store::Row& row : all) {
    if (service_id_of(text_in(row.front())) == id) return std::move(row);
  }
  return no_key(id);
}

// The row's secrets take the place of those that the table has of this key.
Status KeyStore::Parts::put_in_force(const store::Row& row) {
  const KeyRecord record = record_of(row);
  XC_TRY(const std::vector<store::Row> suspended,
         database.query("SELECT id FROM tenants WHERE name = :p0 AND suspended_unix_ms IS NOT NULL",
                        {record.tenant}));
  const std::shared_ptr<const KeyTable> before = table.load();
  change([&](KeyTable& changed) {
    std::erase_if(changed,
                  [&](const auto& entry) { return entry.second.key->caller.key_id == record.id; });
    if (suspended.empty()) add_row(changed, *before, row);
  });
  return {};
}

KeyStore::KeyStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
KeyStore::~KeyStore() = default;

Result<std::unique_ptr<KeyStore>> KeyStore::open(store::Database& database, Clock& clock,
                                                 RandomSource& random) {
  std::unique_ptr<KeyStore> keys(
      new KeyStore(std::unique_ptr<Parts>(new Parts{database, clock, random})));
  XC_CHECK(keys->reload());
  return keys;
}

Result<Caller> KeyStore::verify(std::string_view key, const std::string& peer) const {
  if (key.empty()) return fail(Code::Unauthorized, Message::NoKey);
  if (key.size() > limits::kApiKeyBytesMax) return fail(Code::Unauthorized, Message::BadKey);
  const KeyHash hash = hash_of(key);
  const std::shared_ptr<const KeyTable> table = parts_->table.load();
  const auto found = table->find(hash);
  if (found == table->end() || !same(found->second.hash, hash)) {
    return fail(Code::Unauthorized, Message::BadKey);
  }
  return admit(found->second, parts_->clock.unix_ms(), peer);
}

Result<KeyStore::NewKey> KeyStore::create(std::string_view name, std::string_view tenant) {
  KeySpec spec;
  spec.name = name;
  spec.tenant = tenant;
  return create(spec);
}

Result<KeyStore::NewKey> KeyStore::create(const KeySpec& spec) {
  const std::lock_guard hold(parts_->changing);
  XC_CHECK(parts_->check(spec));
  NewKey made;
  made.secret = make_id(parts_->random, kKeyPrefix, kKeyRandomChars);
  made.record.id = make_id(parts_->random, "key_");
  const KeyHash hash = hash_of(made.secret);
  const Scopes::Texts& scopes = spec.scopes;
  XC_CHECK(parts_->database.transaction(
      {{"INSERT INTO api_keys (id, name, prefix, hash, tenant, workspace, role, models, routes, "
        "pools, sources, created_unix_ms, expires_unix_ms) VALUES (:p0, :p1, :p2, :p3, :p4, :p5, "
        ":p6, :p7, :p8, :p9, :p10, :p11, :p12)",
        {made.record.id, spec.name, made.secret.substr(0, kShownChars), hex_of(hash), spec.tenant,
         spec.workspace, std::string(name_of(spec.role)), join_list(scopes.models),
         join_list(scopes.routes), join_list(scopes.pools), join_list(scopes.sources),
         parts_->clock.unix_ms(), value_of(spec.expires_unix_ms)}},
       note_change()}));
  XC_TRY(const store::Row row, parts_->row_of(made.record.id));
  made.record = record_of(row);
  XC_CHECK(parts_->put_in_force(row));
  return made;
}

Result<std::vector<KeyRecord>> KeyStore::list() const {
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query(fmt::format(
             "SELECT {} FROM api_keys k ORDER BY k.created_unix_ms, k.id", kKeyColumns)));
  std::unordered_map<std::string_view, std::int64_t> used;
  const std::shared_ptr<const KeyTable> table = parts_->table.load();
  for (const auto& [hash, secret] : *table) {
    used[secret.key->caller.key_id] = secret.key->last_used_unix_ms.load();
  }
  std::vector<KeyRecord> records;
  records.reserve(rows.size());
  for (const store::Row& row : rows) {
    KeyRecord& record = records.emplace_back(record_of(row));
    const auto found = used.find(record.id);
    if (found != used.end() && found->second > record.last_used_unix_ms.value_or(0)) {
      record.last_used_unix_ms = found->second;
    }
  }
  return records;
}

Result<KeyRecord> KeyStore::find(std::string_view id) const {
  XC_TRY(const store::Row row, parts_->row_of(id));
  return record_of(row);
}

Result<KeyStore::NewKey> KeyStore::rotate(std::string_view id, std::int64_t overlap_ms) {
  const std::lock_guard hold(parts_->changing);
  XC_TRY(const KeyRecord before, find(id));
  if (before.revoked_unix_ms) return no_key(id);
  NewKey made;
  made.secret = make_id(parts_->random, kKeyPrefix, kKeyRandomChars);
  const KeyHash hash = hash_of(made.secret);
  const std::int64_t until = parts_->clock.unix_ms() + overlap_ms;
  XC_CHECK(parts_->database.transaction(
      {{"UPDATE api_keys SET old_hash = hash, old_until_unix_ms = :p0, hash = :p1, prefix = :p2 "
        "WHERE id = :p3 AND revoked_unix_ms IS NULL",
        {until, hex_of(hash), made.secret.substr(0, kShownChars), before.id}},
       note_change()}));
  XC_TRY(const store::Row row, parts_->row_of(before.id));
  made.record = record_of(row);
  XC_CHECK(parts_->put_in_force(row));
  return made;
}

Status KeyStore::revoke(std::string_view id) {
  const std::lock_guard hold(parts_->changing);
  XC_TRY(const KeyRecord record, find(id));
  // The first revocation keeps its time.
  XC_CHECK(parts_->database.transaction(
      {{"UPDATE api_keys SET revoked_unix_ms = :p0 WHERE id = :p1 AND revoked_unix_ms IS NULL",
        {parts_->clock.unix_ms(), record.id}},
       note_change()}));
  parts_->change([&](KeyTable& table) {
    std::erase_if(table,
                  [&](const auto& entry) { return entry.second.key->caller.key_id == record.id; });
  });
  return {};
}

Status KeyStore::reload() {
  const std::lock_guard hold(parts_->changing);
  // Counted before reading: a change in between is noticed at the next refresh.
  XC_TRY(const std::int64_t changes, changes_so_far(parts_->database));
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query(
             fmt::format("SELECT {} FROM api_keys k JOIN tenants t ON t.name = k.tenant "
                         "WHERE k.revoked_unix_ms IS NULL AND t.suspended_unix_ms IS NULL",
                         kKeyColumns)));
  const std::shared_ptr<const KeyTable> before = parts_->table.load();
  KeyTable fresh;
  for (const store::Row& row : rows) add_row(fresh, *before, row);
  parts_->table.store(std::make_shared<const KeyTable>(std::move(fresh)));
  parts_->changes_seen = changes;
  return {};
}

Status KeyStore::refresh() {
  XC_TRY(const std::int64_t changes, changes_so_far(parts_->database));
  {
    const std::lock_guard hold(parts_->changing);
    if (changes == parts_->changes_seen) return {};
  }
  return reload();
}

Status KeyStore::flush_last_used() {
  const std::lock_guard hold(parts_->changing);
  const std::shared_ptr<const KeyTable> table = parts_->table.load();
  std::vector<Statement> statements;
  for (const auto& [hash, secret] : *table) {
    const std::int64_t used = secret.key->last_used_unix_ms.load();
    if (used <= secret.key->stored_use_unix_ms) continue;
    secret.key->stored_use_unix_ms = used;  // a failed write is made good by the next use
    statements.push_back({"UPDATE api_keys SET last_used_unix_ms = :p0 WHERE id = :p1",
                          {used, secret.key->caller.key_id}});
  }
  if (statements.empty()) return {};
  return parts_->database.transaction(statements);
}

}  // namespace xc::identity
