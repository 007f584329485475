// API keys. A key is 'xc-' + 43 random characters (256 bits), so a plain SHA-256 is a safe hash:
// nobody guesses 256 bits (argon2 is for passwords). Only the hash is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "identity/caller.h"
#include "store/database.h"

namespace xc::identity {

struct KeySpec {
  std::string name;
  std::string tenant = std::string(kFirstTenant);
  std::string workspace = std::string(kFirstWorkspace);
  Role role = Role::None;
  Scopes::Texts scopes = {};
  std::optional<std::int64_t> expires_unix_ms = {};
};

struct KeyRecord {
  std::string id;          // "key_…"
  std::string service_id;  // 32 hex digits that stand for the same key
  std::string name;
  std::string prefix;  // first characters of the newest secret, for lists
  std::string tenant;
  std::string workspace;
  Role role = Role::None;
  Scopes::Texts scopes;
  std::int64_t created_unix_ms = 0;
  std::optional<std::int64_t> expires_unix_ms;
  std::optional<std::int64_t> last_used_unix_ms;  // to limits::kLastUsedGrain
  std::optional<std::int64_t> old_until_unix_ms;  // the secret before the rotation is valid so long
  std::optional<std::int64_t> revoked_unix_ms;
};

class KeyStore {
 public:
  // Loads all keys. References must outlive the store.
  static Result<std::unique_ptr<KeyStore>> open(store::Database& database, Clock& clock,
                                                RandomSource& random);
  ~KeyStore();

  // Hot path: one hash and one look-up, no lock held for long, no database. Thread-safe. `peer` as
  // net::Request has it. Error: Unauthorized with NoKey (empty), BadKey or KeyExpired; Forbidden
  // with ScopeRefused when the key may not be used from there.
  Result<Caller> verify(std::string_view key, const std::string& peer) const;

  struct NewKey {
    KeyRecord record;
    std::string secret;  // shown once
  };
  // The rest is blocking (database) and thread-safe. Keys are named by id or service id.
  // Error: BadSetting (a name that is empty, longer than limits::kKeyNameBytesMax or has control
  // characters; a scope that cannot be read; platform_admin outside the first tenant),
  // NoSuchWorkspace, TooManyKeys, TenantFull, DatabaseError.
  Result<NewKey> create(const KeySpec& spec);
  // Without role and restrictions.
  Result<NewKey> create(std::string_view name, std::string_view tenant);
  Result<std::vector<KeyRecord>> list() const;
  // NotFound with NoSuchKey.
  Result<KeyRecord> find(std::string_view id) const;
  // A new secret for the same key; the present one stays valid for `overlap_ms` (0: not at all), an
  // older one ends now. NoSuchKey also for a revoked key.
  Result<NewKey> rotate(std::string_view id, std::int64_t overlap_ms);
  // Takes effect at once in this process. NoSuchKey when unknown.
  Status revoke(std::string_view id);

  // Reads keys that another process (the command line, another gateway) changed.
  Status reload();
  // The same, when the database says that something changed; one short query else.
  Status refresh();
  // Writes when keys were last used.
  Status flush_last_used();

 private:
  struct Parts;
  explicit KeyStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::identity
