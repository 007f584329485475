#include "store/migrations.h"

namespace xc::store {

std::span<const Migration> all_migrations() {
  static const std::vector<Migration> steps{
      {1,
       "api keys",
       {"CREATE TABLE api_keys ("
        "id TEXT NOT NULL PRIMARY KEY, "
        "name TEXT NOT NULL, "
        "prefix TEXT NOT NULL, "
        "hash TEXT NOT NULL UNIQUE, "  // hex SHA-256 of the key
        "tenant TEXT NOT NULL, "
        "created_unix_ms BIGINT NOT NULL, "
        "revoked_unix_ms BIGINT)"}},
  };
  return steps;
}

}  // namespace xc::store
