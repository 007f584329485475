// The rows of api_keys: as records for lists, as the table that requests are checked against.
// Internal to identity/.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "identity/key_hash.h"
#include "identity/keys.h"
#include "store/database.h"

namespace xc::identity {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// A key in force. Shared by all versions of the table, so that its time of use survives changes.
struct KnownKey {
  Caller caller;
  std::int64_t expires_unix_ms = kNever;
  std::atomic<std::int64_t> last_used_unix_ms{0};
  std::int64_t stored_use_unix_ms = 0;  // as the database has it; under the store's lock
};

// One secret of a key: the present one, or the one before for a while.
struct KnownSecret {
  KeyHash hash;
  std::shared_ptr<KnownKey> key;
  std::int64_t until_unix_ms = kNever;
};

// A hash is uniform already; its first bytes serve as the bucket.
struct FirstBytes {
  std::size_t operator()(const KeyHash& hash) const {
    std::size_t first = 0;
    std::memcpy(&first, hash.data(), sizeof(first));
    return first;
  }
};
using KeyTable = std::unordered_map<KeyHash, KnownSecret, FirstBytes>;  // never changed once shown

// The columns of every SELECT, in the order that the two functions below read them.
extern const std::string_view kKeyColumns;
KeyRecord record_of(const store::Row& row);
// Adds the secrets of the row. A row whose hash or scopes cannot be read is left out and logged:
// what cannot be checked is refused. Keys that `before` has keep their times of use.
void add_row(KeyTable& table, const KeyTable& before, const store::Row& row);

std::string service_id_of(std::string_view key_id);

}  // namespace xc::identity
