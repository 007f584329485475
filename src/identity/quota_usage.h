// What was used, added up by the hour: the database's side of the audit log's settlements. Every
// settlement is added exactly once, because the rows and the place in the log up to which they are
// complete change in one transaction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "identity/quota_ledger.h"
#include "store/database.h"

namespace xc::identity {

struct UsageSums {
  std::int64_t requests = 0, prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  std::int64_t cost_micro = 0;  // 1e-6 CNY
};

enum class UsageBy : std::uint8_t {
  Hour,
  Day,
  Tenant,
  Workspace,
  Key,
  Model,
  Ended,
  Pool,
  Endpoint,
};
std::string_view name_of(UsageBy by);  // "hour", "day", "tenant" …
std::optional<UsageBy> usage_by_of(std::string_view name);
// "hour, day, tenant …", for people.
const std::string& usage_dimensions();

struct UsageRow {
  std::int64_t hour = 0;  // since 1970
  std::string tenant, workspace, key, model;
  std::string ended;  // done, client_gone …
  UsageSums sums;
  // Where it was answered; several endpoints joined by commas when one went on for another.
  std::string pool = {}, endpoint = {};
};

struct UsageQuery {
  std::int64_t from_hour = 0;
  std::int64_t to_hour = 0;  // exclusive
  std::vector<UsageBy> by;   // each once
  std::string tenant;        // only this one's; empty: all
};
struct UsageGroup {
  std::vector<std::string> names;  // as many as UsageQuery::by; hours and days as Unix ms
  UsageSums sums;
};

// Everything blocks on the database. Thread-safe.
class UsageTable {
 public:
  explicit UsageTable(store::Database& database) : database_(database) {}

  // Settlements below `next` are in the rows. Admissions below `open_from` have their settlement.
  struct Cursor {
    std::uint64_t next = 0;
    std::uint64_t open_from = 0;
  };
  // `log`: which audit log, in hex. Zeros when it is new. Error: DatabaseError.
  Result<Cursor> cursor(const std::string& log) const;
  // `first`: what else changes in the same transaction, before it.
  Status add(const std::string& log, const std::vector<UsageRow>& rows, const Cursor& cursor,
             std::vector<store::Database::Statement> first = {});
  // At most limits::kUsageGroupsMax groups, in order. Error: DatabaseError.
  Result<std::vector<UsageGroup>> query(const UsageQuery& query) const;
  // Books what was settled in this day and month into the ledger. Once, at start.
  Status restore(QuotaLedger& ledger, std::int64_t now_unix_ms) const;

 private:
  store::Database& database_;
};

}  // namespace xc::identity
