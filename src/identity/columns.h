// Reads the database's values and makes what every table of this room has: names and 32-hex ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "store/database.h"

namespace xc::identity {

std::string text_in(const store::Value& value);                     // "" when it is no text
std::optional<std::int64_t> integer_in(const store::Value& value);  // nothing when NULL
store::Value value_of(const std::optional<std::int64_t>& integer);  // NULL when nothing

// 128 random bits as 32 hex digits.
std::string make_hex_id(RandomSource& random);

// A label that lists print in one line: 1 … limits::kKeyNameBytesMax bytes, no control characters.
Status check_label(std::string_view field, std::string_view label);
// A name that goes into addresses, headers and folders: [a-z0-9] and then [a-z0-9._-], at most
// limits::kTenantNameBytesMax bytes. Error: BadSetting with the field.
Status check_name(std::string_view field, std::string_view name);

// The rows of a tenant in keys, users or workspaces are bounded: with none, one tenant's would take
// the room of all. `table`, `what`: fixed texts. Called under the store's lock of additions.
// Error: Conflict with TenantFull.
Status check_room(store::Database& database, std::string_view table, const std::string& tenant,
                  std::string_view what, std::int64_t most);

// Belongs into every transaction that changes who may do what: other processes look at it, and
// those that share a PostgreSQL database are told.
store::Database::Statement note_change();
Result<std::int64_t> changes_so_far(store::Database& database);

}  // namespace xc::identity
