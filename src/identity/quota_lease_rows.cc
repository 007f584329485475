#include "identity/quota_lease_rows.h"

#include <fmt/core.h>

#include <map>
#include <tuple>

#include "base/limits.h"
#include "identity/columns.h"

namespace xc::identity::lease_rows {
namespace {

constexpr std::string_view kNow = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kLifeMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(limits::kLeaseLife).count();

std::string text(std::string_view view) { return std::string(view); }

std::string_view column_of(Scope scope) {
  switch (scope) {
    case Scope::Key:
      return "key_id";
    case Scope::Workspace:
      return "workspace";
    case Scope::Tenant:
      return "tenant";
    case Scope::Model:
      return "model";
  }
  return "key_id";
}

bool is_money(Meter meter) { return meter == Meter::MoneyDay || meter == Meter::MoneyMonth; }

const std::string& name_in(const UsageRow& row, Scope scope) {
  switch (scope) {
    case Scope::Key:
      return row.key;
    case Scope::Workspace:
      return row.workspace;
    case Scope::Tenant:
      return row.tenant;
    case Scope::Model:
      return row.model;
  }
  return row.key;
}

struct Used {
  std::int64_t tokens = 0, micro = 0;
};

// :p0 scope, :p1 name, :p2 tokens, :p3 micro-yuan, :p4 day, :p5 month.
std::string booking(std::string_view table, std::string_view column) {
  return fmt::format(
      "UPDATE {0} SET {1} = {1} + CASE WHEN meter IN ('tokens_per_day', 'tokens_per_month') "
      "THEN CAST(:p2 AS BIGINT) ELSE CAST(:p3 AS BIGINT) END WHERE scope = :p0 AND name = :p1 AND "
      "((meter IN ('tokens_per_day', 'micro_yuan_per_day') AND period = :p4) OR "
      "(meter IN ('tokens_per_month', 'micro_yuan_per_month') AND period = :p5))",
      table, column);
}

// The usage of an account from hour :p4 on; :p1 is its name. A select list and what follows it.
std::string used_since(Scope scope, Meter meter) {
  return fmt::format(
      "CAST(COALESCE(SUM({}), 0) AS BIGINT) FROM usage_hours WHERE hour >= :p4 AND {} = :p1",
      is_money(meter) ? "cost_micro" : "prompt_tokens + completion_tokens", column_of(scope));
}

std::int64_t hour_of(Meter meter, std::int64_t period) {
  return (is_daily(meter) ? unix_ms_of_day(period) : unix_ms_of_month(period)) / kHourMs;
}

Result<std::vector<Row>> rows_of(const Result<std::vector<store::Row>>& found) {
  if (!found) return std::unexpected(found.error());
  std::vector<Row> rows;
  for (const store::Row& row : *found) {
    const auto scope = scope_of(text_in(row.at(0)));
    const auto meter = meter_of(text_in(row.at(2)));
    if (!scope || !meter) continue;  // of a newer program
    const auto number = [&row](std::size_t at) { return integer_in(row.at(at)).value_or(0); };
    rows.push_back({*scope, text_in(row.at(1)), *meter, number(3), number(4), number(5), number(6),
                    number(7)});
  }
  return rows;
}

}  // namespace

Statement lock() {
  // As the lock of migrations, and one more.
  return {"SELECT pg_advisory_xact_lock(9464243)", {}};
}

std::vector<Statement> book(const std::string& log, const std::vector<UsageRow>& rows) {
  std::map<std::tuple<Scope, std::string, std::int64_t>, Used> sums;
  for (const UsageRow& row : rows) {
    const std::int64_t day = day_of(row.hour * kHourMs);
    for (const Scope scope : {Scope::Key, Scope::Workspace, Scope::Tenant, Scope::Model}) {
      Used& used = sums[{scope, name_in(row, scope), day}];
      used.tokens += row.sums.prompt_tokens + row.sums.completion_tokens;
      used.micro += row.sums.cost_micro;
    }
  }
  std::vector<Statement> statements{lock()};
  for (const auto& [account, used] : sums) {
    const auto& [scope, name, day] = account;
    if (name.empty() || (used.tokens == 0 && used.micro == 0)) continue;
    std::vector<store::Value> values{text(name_of(scope)), name, used.tokens,
                                     used.micro,           day,  month_of_day(day)};
    statements.push_back({booking("budget_pots", "settled"), values});
    values.emplace_back(log);
    statements.push_back({booking("budget_leases", "used") + " AND log = :p6", values});
  }
  return statements;
}

Statement open_pot(Scope scope, const std::string& name, Meter meter, std::int64_t period) {
  return {fmt::format("INSERT INTO budget_pots (scope, name, meter, period, settled) "
                      "SELECT :p0, :p1, :p2, :p3, {} AND NOT EXISTS (SELECT 1 FROM budget_pots b "
                      "WHERE b.scope = :p0 AND b.name = :p1 AND b.meter = :p2 AND b.period >= :p3) "
                      "ON CONFLICT (scope, name, meter) DO UPDATE SET period = excluded.period, "
                      "settled = excluded.settled WHERE budget_pots.period < excluded.period",
                      used_since(scope, meter)),
          {text(name_of(scope)), name, text(name_of(meter)), period, hour_of(meter, period)}};
}

Statement correct_pot(Scope scope, const std::string& name, Meter meter, std::int64_t period) {
  return {fmt::format("UPDATE budget_pots SET settled = (SELECT {}) WHERE scope = :p0 "
                      "AND name = :p1 AND meter = :p2 AND period = :p3",
                      used_since(scope, meter)),
          {text(name_of(scope)), name, text(name_of(meter)), period, hour_of(meter, period)}};
}

Statement open_lease(const std::string& log, const Leased& leased) {
  return {fmt::format("INSERT INTO budget_leases (log, scope, name, meter, period, taken, used, "
                      "renewed_unix_ms) VALUES (:p0, :p1, :p2, :p3, :p4, :p5, :p6, {}) "
                      "ON CONFLICT (log, scope, name, meter) DO UPDATE SET "
                      "period = excluded.period, taken = excluded.taken, used = excluded.used, "
                      "renewed_unix_ms = excluded.renewed_unix_ms "
                      "WHERE budget_leases.period < excluded.period",
                      kNow),
          {log, text(name_of(leased.scope)), leased.name, text(name_of(leased.meter)),
           leased.period, leased.reserved + leased.settled, leased.settled}};
}

Statement take(const std::string& log, const Leased& leased, std::int64_t want) {
  return {
      fmt::format("UPDATE budget_leases SET renewed_unix_ms = {}, taken = taken + "
                  "GREATEST(0, LEAST(CAST(:p5 AS BIGINT), q.granted - b.settled - "
                  "(SELECT CAST(COALESCE(SUM(l.taken - l.used), 0) AS BIGINT) FROM budget_leases l "
                  "WHERE l.scope = :p1 AND l.name = :p2 AND l.meter = :p3 AND l.period = :p4))) "
                  "FROM quotas q, budget_pots b "
                  "WHERE q.scope = :p1 AND q.name = :p2 AND q.meter = :p3 "
                  "AND b.scope = :p1 AND b.name = :p2 AND b.meter = :p3 AND b.period = :p4 "
                  "AND budget_leases.log = :p0 AND budget_leases.scope = :p1 "
                  "AND budget_leases.name = :p2 AND budget_leases.meter = :p3 "
                  "AND budget_leases.period = :p4",
                  kNow),
      {log, text(name_of(leased.scope)), leased.name, text(name_of(leased.meter)), leased.period,
       want}};
}

Statement give_back(const std::string& log, const Leased& leased) {
  // Not "less by": it may be said twice when the answer to a commit was lost.
  return {
      "UPDATE budget_leases SET taken = LEAST(taken, CAST(:p5 AS BIGINT)) WHERE log = :p0 "
      "AND scope = :p1 AND name = :p2 AND meter = :p3 AND period = :p4",
      {log, text(name_of(leased.scope)), leased.name, text(name_of(leased.meter)), leased.period,
       leased.reserved + leased.settled}};
}

std::vector<Statement> renew(const std::string& log) {
  return {
      lock(),
      {fmt::format("INSERT INTO gateways (log, renewed_unix_ms) VALUES (:p0, {}) ON CONFLICT "
                   "(log) DO UPDATE SET renewed_unix_ms = excluded.renewed_unix_ms",
                   kNow),
       {log}},
      {fmt::format("UPDATE budget_leases SET renewed_unix_ms = {} WHERE log = :p0 "
                   "AND taken > used AND EXISTS (SELECT 1 FROM quotas q WHERE "
                   "q.scope = budget_leases.scope AND q.name = budget_leases.name "
                   "AND q.meter = budget_leases.meter)",
                   kNow),
       {log}},
      {fmt::format("DELETE FROM budget_leases WHERE renewed_unix_ms < {} - :p0", kNow), {kLifeMs}},
      {fmt::format("DELETE FROM gateways WHERE renewed_unix_ms < {} - :p0", kNow), {kLifeMs}}};
}

std::vector<Statement> drop(const std::string& log, bool leave) {
  std::vector<Statement> statements{lock(), {"DELETE FROM budget_leases WHERE log = :p0", {log}}};
  if (leave) statements.push_back({"DELETE FROM gateways WHERE log = :p0", {log}});
  return statements;
}

Result<std::vector<Row>> read(store::Database& database, const std::string& log) {
  return rows_of(database.query(
      "SELECT l.scope, l.name, l.meter, l.period, l.taken, l.used, b.settled, "
      "(SELECT CAST(SUM(o.taken - o.used) AS BIGINT) FROM budget_leases o WHERE o.scope = l.scope "
      "AND o.name = l.name AND o.meter = l.meter AND o.period = l.period) "
      "FROM budget_leases l JOIN budget_pots b ON b.scope = l.scope AND b.name = l.name "
      "AND b.meter = l.meter AND b.period = l.period WHERE l.log = :p0",
      {log}));
}

Result<std::vector<Row>> read_pots(store::Database& database) {
  return rows_of(database.query(
      "SELECT b.scope, b.name, b.meter, b.period, CAST(0 AS BIGINT), CAST(0 AS BIGINT), b.settled, "
      "(SELECT CAST(COALESCE(SUM(o.taken - o.used), 0) AS BIGINT) FROM budget_leases o "
      "WHERE o.scope = b.scope AND o.name = b.name AND o.meter = b.meter "
      "AND o.period = b.period) FROM budget_pots b"));
}

Result<int> gateways(store::Database& database) {
  XC_TRY(const std::vector<store::Row> rows, database.query("SELECT COUNT(*) FROM gateways"));
  return rows.empty() ? 1 : static_cast<int>(integer_in(rows.front().at(0)).value_or(1));
}

Result<std::vector<std::string>> running(store::Database& database) {
  XC_TRY(const std::vector<store::Row> rows,
         database.query(
             fmt::format("SELECT log FROM gateways WHERE renewed_unix_ms >= {} - :p0", kNow),
             {kLifeMs}));
  std::vector<std::string> logs;
  for (const store::Row& row : rows) logs.push_back(text_in(row.at(0)));
  return logs;
}

}  // namespace xc::identity::lease_rows
