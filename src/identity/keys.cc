#include "identity/keys.h"

#include <fmt/core.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "base/limits.h"
#include "base/log.h"
#include "identity/key_hash.h"

namespace xc::identity {
namespace {

constexpr std::string_view kKeyPrefix = "xc-";
constexpr std::size_t kKeyRandomChars = 43;  // × 5.95 bits = 256
constexpr std::size_t kShownChars = 10;      // "xc-" and 7 more; 36 stay unknown

struct Known {
  KeyHash hash;
  Caller caller;
};
// A hash is uniform already; its first bytes serve as the bucket.
struct FirstBytes {
  std::size_t operator()(const KeyHash& hash) const {
    std::size_t first = 0;
    std::memcpy(&first, hash.data(), sizeof(first));
    return first;
  }
};
using Keys = std::unordered_map<KeyHash, Known, FirstBytes>;  // the keys in force, never changed

// The order of columns in every SELECT below.
constexpr std::string_view kColumns = "id, name, prefix, tenant, created_unix_ms, revoked_unix_ms";

std::string text(const store::Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  return found ? *found : std::string();
}
std::optional<std::int64_t> integer(const store::Value& value) {
  const auto* found = std::get_if<std::int64_t>(&value);
  return found ? std::optional(*found) : std::nullopt;
}

KeyRecord record_of(const store::Row& row) {
  return KeyRecord{text(row.at(0)),
                   text(row.at(1)),
                   text(row.at(2)),
                   text(row.at(3)),
                   integer(row.at(4)).value_or(0),
                   integer(row.at(5))};
}

// What lists print in one line: not empty, short, no control characters.
bool good_name(std::string_view name) {
  if (name.empty() || name.size() > limits::kKeyNameBytesMax) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

}  // namespace

struct KeyStore::Parts {
  store::Database& database;
  Clock& clock;
  RandomSource& random;
  std::mutex changing;  // one change at a time; readers never take it
  std::atomic<std::shared_ptr<const Keys>> keys{std::make_shared<const Keys>()};
};

KeyStore::KeyStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
KeyStore::~KeyStore() = default;

Result<std::unique_ptr<KeyStore>> KeyStore::open(store::Database& database, Clock& clock,
                                                 RandomSource& random) {
  std::unique_ptr<KeyStore> keys(
      new KeyStore(std::unique_ptr<Parts>(new Parts{database, clock, random, {}, {}})));
  XC_CHECK(keys->reload());
  return keys;
}

Result<Caller> KeyStore::verify(std::string_view key) const {
  if (key.empty()) return fail(Code::Unauthorized, Message::NoKey);
  if (key.size() > limits::kApiKeyBytesMax) return fail(Code::Unauthorized, Message::BadKey);
  const KeyHash hash = hash_of(key);
  const std::shared_ptr<const Keys> keys = parts_->keys.load();
  const auto found = keys->find(hash);
  if (found == keys->end() || !same(found->second.hash, hash)) {
    return fail(Code::Unauthorized, Message::BadKey);
  }
  return found->second.caller;
}

Result<KeyStore::NewKey> KeyStore::create(std::string_view name, std::string_view tenant) {
  for (const auto& [field, value] : {std::pair("name", name), std::pair("tenant", tenant)}) {
    if (good_name(value)) continue;
    return fail(Code::InvalidRequest, Message::BadSetting,
                {field, std::string(value.substr(0, 32)),
                 fmt::format("1 … {} bytes, no control characters", limits::kKeyNameBytesMax)});
  }
  const std::lock_guard hold(parts_->changing);
  NewKey made;
  made.secret = make_id(parts_->random, kKeyPrefix, kKeyRandomChars);
  made.record.id = make_id(parts_->random, "key_");
  made.record.name = name;
  made.record.prefix = made.secret.substr(0, kShownChars);
  made.record.tenant = tenant;
  made.record.created_unix_ms = parts_->clock.unix_ms();
  const KeyHash hash = hash_of(made.secret);
  XC_CHECK(parts_->database.execute(
      "INSERT INTO api_keys (id, name, prefix, hash, tenant, created_unix_ms) "
      "VALUES (:p0, :p1, :p2, :p3, :p4, :p5)",
      {made.record.id, made.record.name, made.record.prefix, hex_of(hash), made.record.tenant,
       made.record.created_unix_ms}));
  Keys changed = *parts_->keys.load();
  changed.emplace(hash, Known{hash, Caller{made.record.id, made.record.tenant}});
  parts_->keys.store(std::make_shared<const Keys>(std::move(changed)));
  return made;
}

Result<std::vector<KeyRecord>> KeyStore::list() const {
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query(
             fmt::format("SELECT {} FROM api_keys ORDER BY created_unix_ms, id", kColumns)));
  std::vector<KeyRecord> records;
  records.reserve(rows.size());
  for (const store::Row& row : rows) records.push_back(record_of(row));
  return records;
}

Status KeyStore::revoke(std::string_view id) {
  const std::string wanted(id);
  const std::lock_guard hold(parts_->changing);
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query("SELECT id FROM api_keys WHERE id = :p0", {wanted}));
  if (rows.empty()) return fail(Code::NotFound, Message::NoSuchKey, {wanted.substr(0, 64)});
  // The first revocation keeps its time.
  XC_CHECK(parts_->database.execute(
      "UPDATE api_keys SET revoked_unix_ms = :p0 WHERE id = :p1 AND revoked_unix_ms IS NULL",
      {parts_->clock.unix_ms(), wanted}));
  Keys changed = *parts_->keys.load();
  std::erase_if(changed, [&](const auto& entry) { return entry.second.caller.key_id == id; });
  parts_->keys.store(std::make_shared<const Keys>(std::move(changed)));
  return {};
}

Status KeyStore::reload() {
  const std::lock_guard hold(parts_->changing);
  XC_TRY(const std::vector<store::Row> rows,
         parts_->database.query(
             "SELECT id, tenant, hash FROM api_keys WHERE revoked_unix_ms IS NULL"));
  Keys fresh;
  for (const store::Row& row : rows) {
    const std::optional<KeyHash> hash = hash_of_hex(text(row.at(2)));
    if (hash) {
      fresh.emplace(*hash, Known{*hash, Caller{text(row.at(0)), text(row.at(1))}});
    } else {
      log::warn("identity", "key {} has no readable hash and is ignored", text(row.at(0)));
    }
  }
  parts_->keys.store(std::make_shared<const Keys>(std::move(fresh)));
  return {};
}

}  // namespace xc::identity
