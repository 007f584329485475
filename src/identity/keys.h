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
#include "store/database.h"

namespace xc::identity {

// Who calls. Travels with the request.
struct Caller {
  std::string key_id;  // "key_…"
  std::string tenant;  // "default" until tenants exist
};

struct KeyRecord {
  std::string id;  // "key_…"
  std::string name;
  std::string prefix;  // first characters, for lists
  std::string tenant;
  std::int64_t created_unix_ms = 0;
  std::optional<std::int64_t> revoked_unix_ms;
};

class KeyStore {
 public:
  // Loads all keys. References must outlive the store.
  static Result<std::unique_ptr<KeyStore>> open(store::Database& database, Clock& clock,
                                                RandomSource& random);
  ~KeyStore();

  // Hot path: one hash and one look-up, no lock held for long, no database. Thread-safe.
  // Error: Unauthorized with NoKey (empty) or BadKey.
  Result<Caller> verify(std::string_view key) const;

  struct NewKey {
    KeyRecord record;
    std::string secret;  // shown once
  };
  // Blocking (database). Thread-safe. Error: BadSetting (a name or tenant that is empty, longer
  // than limits::kKeyNameBytesMax or has control characters), DatabaseError.
  Result<NewKey> create(std::string_view name, std::string_view tenant);
  Result<std::vector<KeyRecord>> list() const;
  // Takes effect at once in this process. NotFound with NoSuchKey when unknown.
  Status revoke(std::string_view id);
  // Reads keys that another process (the command line) added or revoked.
  Status reload();

 private:
  struct Parts;
  explicit KeyStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::identity
