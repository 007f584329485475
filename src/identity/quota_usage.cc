#include "identity/quota_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "identity/columns.h"

namespace xc::identity {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

struct Dimension {
  UsageBy by;
  std::string_view name;
  std::string_view sql;
};
// A column without a declared type is read by SQLite's driver with 32 bits, so numbers that are
// computed come as text. Days are those of Beijing, 8 hours ahead.
constexpr std::array kDimensions{
    Dimension{UsageBy::Hour, "hour", "CAST(hour * 3600000 AS TEXT)"},
    Dimension{UsageBy::Day, "day", "CAST(((hour + 8) / 24 * 24 - 8) * 3600000 AS TEXT)"},
    Dimension{UsageBy::Tenant, "tenant", "tenant"},
    Dimension{UsageBy::Workspace, "workspace", "workspace"},
    Dimension{UsageBy::Key, "key", "key_id"},
    Dimension{UsageBy::Model, "model", "model"},
    Dimension{UsageBy::Ended, "ended", "ended"},
    Dimension{UsageBy::Pool, "pool", "pool"},
    Dimension{UsageBy::Endpoint, "endpoint", "endpoint"},
};
constexpr std::string_view kSums =
    "CAST(SUM(requests) AS TEXT), CAST(SUM(prompt_tokens) AS TEXT), "
    "CAST(SUM(cached_tokens) AS TEXT), CAST(SUM(completion_tokens) AS TEXT), "
    "CAST(SUM(cost_micro) AS TEXT)";

std::int64_t integer(const store::Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  const std::string digits = text_in(value);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

UsageSums sums_of(const store::Row& row, std::size_t at) {
  return UsageSums{integer(row.at(at)), integer(row.at(at + 1)), integer(row.at(at + 2)),
                   integer(row.at(at + 3)), integer(row.at(at + 4))};
}

const Dimension& dimension_of(UsageBy by) {
  return *std::ranges::find(kDimensions, by, &Dimension::by);
}

store::Database::Statement add_row(const UsageRow& row) {
  return {
      "INSERT INTO usage_hours (hour, tenant, workspace, key_id, model, ended, requests, "
      "prompt_tokens, cached_tokens, completion_tokens, cost_micro, pool, endpoint) "
      "VALUES (:p0, :p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8, :p9, :p10, :p11, :p12) "
      "ON CONFLICT (hour, tenant, workspace, key_id, model, ended, pool, endpoint) DO UPDATE SET "
      "requests = usage_hours.requests + excluded.requests, "
      "prompt_tokens = usage_hours.prompt_tokens + excluded.prompt_tokens, "
      "cached_tokens = usage_hours.cached_tokens + excluded.cached_tokens, "
      "completion_tokens = usage_hours.completion_tokens + excluded.completion_tokens, "
      "cost_micro = usage_hours.cost_micro + excluded.cost_micro",
      {row.hour, row.tenant, row.workspace, row.key, row.model, row.ended, row.sums.requests,
       row.sums.prompt_tokens, row.sums.cached_tokens, row.sums.completion_tokens,
       row.sums.cost_micro, row.pool, row.endpoint}};
}

}  // namespace

std::string_view name_of(UsageBy by) { return dimension_of(by).name; }

std::optional<UsageBy> usage_by_of(std::string_view name) {
  const auto found = std::ranges::find(kDimensions, name, &Dimension::name);
  return found == kDimensions.end() ? std::nullopt : std::optional(found->by);
}

const std::string& usage_dimensions() {
  static const std::string names = [] {
    std::string joined;
    for (const Dimension& dimension : kDimensions) {
      if (!joined.empty()) joined += ", ";
      joined += dimension.name;
    }
    return joined;
  }();
  return names;
}

Result<UsageTable::Cursor> UsageTable::cursor(const std::string& log) const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT next_leaf, open_from FROM usage_cursors WHERE log = :p0", {log}));
  if (rows.empty()) return Cursor{};
  return Cursor{static_cast<std::uint64_t>(integer(rows.front().at(0))),
                static_cast<std::uint64_t>(integer(rows.front().at(1)))};
}

Status UsageTable::add(const std::string& log, const std::vector<UsageRow>& rows,
                       const Cursor& cursor, std::vector<store::Database::Statement> first) {
  std::vector<store::Database::Statement> statements = std::move(first);
  statements.reserve(statements.size() + rows.size() + 1);
  for (const UsageRow& row : rows) statements.push_back(add_row(row));
  statements.push_back(
      {"INSERT INTO usage_cursors (log, next_leaf, open_from) "
       "VALUES (:p0, :p1, :p2) ON CONFLICT (log) DO UPDATE SET "
       "next_leaf = excluded.next_leaf, open_from = excluded.open_from",
       {log, static_cast<std::int64_t>(cursor.next), static_cast<std::int64_t>(cursor.open_from)}});
  return database_.transaction(statements);
}

Result<std::vector<UsageGroup>> UsageTable::query(const UsageQuery& query) const {
  std::string names, numbers;
  for (std::size_t i = 0; i < query.by.size(); ++i) {
    names += fmt::format("{}, ", dimension_of(query.by[i]).sql);
    numbers += fmt::format("{}{}", i == 0 ? "" : ", ", i + 1);
  }
  std::string sql =
      fmt::format("SELECT {}{} FROM usage_hours WHERE hour >= :p0 AND hour < :p1", names, kSums);
  std::vector<store::Value> parameters{query.from_hour, query.to_hour};
  if (!query.tenant.empty()) {
    sql += " AND tenant = :p2";
    parameters.emplace_back(query.tenant);
  }
  if (!query.by.empty()) sql += fmt::format(" GROUP BY {} ORDER BY {}", numbers, numbers);
  sql += fmt::format(" LIMIT {}", limits::kUsageGroupsMax);
  XC_TRY(const std::vector<store::Row> rows, database_.query(sql, parameters));
  std::vector<UsageGroup> groups;
  groups.reserve(rows.size());
  for (const store::Row& row : rows) {
    UsageGroup group;
    for (std::size_t i = 0; i < query.by.size(); ++i) group.names.push_back(text_in(row.at(i)));
    group.sums = sums_of(row, query.by.size());
    groups.push_back(std::move(group));
  }
  return groups;
}

Status UsageTable::restore(QuotaLedger& ledger, std::int64_t now_unix_ms) const {
  constexpr std::array<std::pair<UsageBy, Scope>, kScopes> kAccounts{
      std::pair{UsageBy::Key, Scope::Key}, std::pair{UsageBy::Workspace, Scope::Workspace},
      std::pair{UsageBy::Tenant, Scope::Tenant}, std::pair{UsageBy::Model, Scope::Model}};
  const std::int64_t day = day_of(now_unix_ms);
  const std::int64_t month = month_of_day(day);
  for (const bool daily : {true, false}) {
    const std::int64_t since = daily ? unix_ms_of_day(day) : unix_ms_of_month(month);
    for (const auto& [by, scope] : kAccounts) {
      const std::string_view column = dimension_of(by).sql;
      XC_TRY(const std::vector<store::Row> rows,
             database_.query(fmt::format("SELECT {}, {} FROM usage_hours WHERE hour >= :p0 "
                                         "GROUP BY {}",
                                         column, kSums, column),
                             {since / kHourMs}));
      for (const store::Row& row : rows) {
        const UsageSums sums = sums_of(row, 1);
        const std::string name = text_in(row.at(0));
        ledger.restore(scope, name, daily ? Meter::TokensDay : Meter::TokensMonth,
                       sums.prompt_tokens + sums.completion_tokens);
        ledger.restore(scope, name, daily ? Meter::MoneyDay : Meter::MoneyMonth, sums.cost_micro);
      }
    }
  }
  return {};
}

}  // namespace xc::identity
