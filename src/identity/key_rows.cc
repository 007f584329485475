#include "identity/key_rows.h"

#include <algorithm>

#include "base/log.h"
#include "identity/columns.h"

namespace xc::identity {
namespace {

enum Column : std::size_t {
  kId,
  kName,
  kPrefix,
  kTenant,
  kWorkspace,
  kRole,
  kModels,
  kRoutes,
  kPools,
  kSources,
  kCreated,
  kExpires,
  kLastUsed,
  kOldUntil,
  kRevoked,
  kHash,
  kOldHash,
  kAuditContent,
};

// Nothing when the row cannot be enforced.
std::shared_ptr<KnownKey> known_of(const KeyRecord& record) {
  auto key = std::make_shared<KnownKey>();
  key->caller.key_id = record.id;
  key->caller.tenant = record.tenant;
  key->caller.workspace = record.workspace;
  key->caller.role = record.role;
  key->caller.expires_unix_ms = record.expires_unix_ms;
  key->expires_unix_ms = record.expires_unix_ms.value_or(kNever);
  key->last_used_unix_ms = record.last_used_unix_ms.value_or(0);
  key->stored_use_unix_ms = record.last_used_unix_ms.value_or(0);
  if (record.scopes.empty()) return key;
  Result<Scopes> scopes = Scopes::of(record.scopes);
  if (!scopes) return nullptr;
  key->caller.scopes = std::make_shared<const Scopes>(std::move(*scopes));
  return key;
}

void keep_use(KnownKey& key, const KeyTable& before, const KeyHash& hash) {
  const auto found = before.find(hash);
  if (found == before.end() || found->second.key->caller.key_id != key.caller.key_id) return;
  const std::int64_t used = found->second.key->last_used_unix_ms;
  if (used > key.last_used_unix_ms) key.last_used_unix_ms = used;
}

}  // namespace

constexpr std::string_view kColumnsText =
    "k.id, k.name, k.prefix, k.tenant, k.workspace, k.role, k.models, k.routes, k.pools, "
    "k.sources, "
    "k.created_unix_ms, k.expires_unix_ms, k.last_used_unix_ms, k.old_until_unix_ms, "
    "k.revoked_unix_ms, k.hash, k.old_hash, "
    "(SELECT c.audit_content FROM tenants c WHERE c.name = k.tenant)";
const std::string_view kKeyColumns = kColumnsText;

KeyRecord record_of(const store::Row& row) {
  KeyRecord record;
  record.id = text_in(row.at(kId));
  record.service_id = service_id_of(record.id);
  record.name = text_in(row.at(kName));
  record.prefix = text_in(row.at(kPrefix));
  record.tenant = text_in(row.at(kTenant));
  record.workspace = text_in(row.at(kWorkspace));
  record.role = role_of_name(text_in(row.at(kRole))).value_or(Role::None);
  record.scopes = {split_list(text_in(row.at(kModels))), split_list(text_in(row.at(kRoutes))),
                   split_list(text_in(row.at(kPools))), split_list(text_in(row.at(kSources)))};
  record.created_unix_ms = integer_in(row.at(kCreated)).value_or(0);
  record.expires_unix_ms = integer_in(row.at(kExpires));
  record.last_used_unix_ms = integer_in(row.at(kLastUsed));
  record.old_until_unix_ms = integer_in(row.at(kOldUntil));
  record.revoked_unix_ms = integer_in(row.at(kRevoked));
  return record;
}

void add_row(KeyTable& table, const KeyTable& before, const store::Row& row) {
  const KeyRecord record = record_of(row);
  const std::optional<KeyHash> hash = hash_of_hex(text_in(row.at(kHash)));
  const std::shared_ptr<KnownKey> key = known_of(record);
  if (!hash || !key) {
    log::warn("identity", "key {} cannot be read and is refused", record.id);
    return;
  }
  key->caller.audit_content =
      audit_content_of_name(text_in(row.at(kAuditContent))).value_or(AuditContent::None);
  keep_use(*key, before, *hash);
  const std::optional<KeyHash> old_hash = hash_of_hex(text_in(row.at(kOldHash)));
  if (old_hash && record.old_until_unix_ms) {
    keep_use(*key, before, *old_hash);
    table.emplace(*old_hash, KnownSecret{*old_hash, key, *record.old_until_unix_ms});
  }
  table.emplace(*hash, KnownSecret{*hash, key, kNever});
}

// Half of a SHA-256: as good as random, and it needs no column.
std::string service_id_of(std::string_view key_id) { return hex_of(hash_of(key_id)).substr(0, 32); }

}  // namespace xc::identity
