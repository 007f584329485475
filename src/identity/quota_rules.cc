#include "identity/quota_rules.h"

#include <fmt/core.h>

#include <utility>

#include "base/limits.h"
#include "identity/columns.h"
#include "identity/quota_lease_rows.h"

namespace xc::identity {
namespace {

Status check_account(std::string_view field, std::string_view name) {
  if (!name.empty() && name.size() <= limits::kQuotaNameBytesMax) return {};
  return fail_field(std::string(field), Message::BadLength,
                    {std::string(field), "1", fmt::format("{}", limits::kQuotaNameBytesMax),
                     fmt::format("{}", name.size())});
}

Status check_number(std::string_view field, std::int64_t value, std::int64_t low,
                    std::int64_t high) {
  if (value >= low && value <= high) return {};
  return fail_field(std::string(field), Message::OutOfRange,
                    {std::string(field), fmt::format("{}", low), fmt::format("{}", high),
                     fmt::format("{}", value)});
}

store::Database::Statement note_rules_changed() {
  return {"UPDATE identity_state SET value = value + 1 WHERE name = 'quota_changes'", {}, true};
}

Result<std::int64_t> version_of(store::Database& database) {
  XC_TRY(const std::vector<store::Row> rows,
         database.query("SELECT value FROM identity_state WHERE name = 'quota_changes'"));
  return rows.empty() ? 0 : integer_in(rows.front().at(0)).value_or(0);
}

}  // namespace

Status QuotaRules::load() {
  // Before the rules: what changes in between is read again by the next refresh.
  XC_TRY(const std::int64_t version, version_of(database_));
  const std::lock_guard hold(changing_);
  XC_TRY(const std::vector<Rule> rules, list());
  XC_TRY(const std::vector<ModelPrice> all, prices());
  std::map<Pot, Limit> before = std::exchange(in_force_, {});
  for (const Rule& rule : rules) {
    const Limit limit{rule.granted, rule.alert_percent};
    // What stays is left alone: its alert was told.
    const auto same = before.extract(pot_of(rule));
    if (!same || same.mapped() != limit) {
      ledger_.grant(rule.scope, rule.name, rule.meter, rule.granted, rule.alert_percent);
    }
    in_force_[pot_of(rule)] = limit;
  }
  for (const auto& [pot, limit] : before) {
    ledger_.grant(std::get<0>(pot), std::get<1>(pot), std::get<2>(pot), kNoLimit, kAlertPercent);
  }
  for (const ModelPrice& row : all) ledger_.price(row.model, row.price);
  version_ = version;
  return {};
}

Status QuotaRules::refresh() {
  XC_TRY(const std::int64_t version, version_of(database_));
  {
    const std::lock_guard hold(changing_);
    if (version == version_) return {};
  }
  return load();
}

Result<std::vector<Rule>> QuotaRules::list() const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT scope, name, meter, granted, alert_percent FROM quotas "
                         "ORDER BY scope, name, meter"));
  std::vector<Rule> rules;
  rules.reserve(rows.size());
  for (const store::Row& row : rows) {
    const auto scope = scope_of(text_in(row.at(0)));
    const auto meter = meter_of(text_in(row.at(2)));
    if (!scope || !meter) continue;  // of a newer program
    rules.push_back({*scope, text_in(row.at(1)), *meter, integer_in(row.at(3)).value_or(0),
                     static_cast<int>(integer_in(row.at(4)).value_or(0))});
  }
  return rules;
}

Status QuotaRules::set(const std::vector<Rule>& rules) {
  std::vector<store::Database::Statement> statements;
  const bool leases = ledger_.leases_budgets();
  if (leases) statements.push_back(lease_rows::lock());
  for (const Rule& rule : rules) {
    XC_CHECK(check_account("name", rule.name));
    XC_CHECK(check_number(name_of(rule.meter), rule.granted, kNoLimit, kGrantedMax));
    XC_CHECK(check_number("alert_percent", rule.alert_percent, 0, 100));
    const std::string scope(name_of(rule.scope));
    const std::string meter(name_of(rule.meter));
    if (rule.granted == kNoLimit) {
      statements.push_back({"DELETE FROM quotas WHERE scope = :p0 AND name = :p1 AND meter = :p2",
                            {scope, rule.name, meter}});
    } else {
      statements.push_back(
          {"INSERT INTO quotas (scope, name, meter, granted, alert_percent) "
           "VALUES (:p0, :p1, :p2, :p3, :p4) ON CONFLICT (scope, name, meter) "
           "DO UPDATE SET granted = excluded.granted, alert_percent = excluded.alert_percent",
           {scope, rule.name, meter, rule.granted, std::int64_t{rule.alert_percent}}});
      if (leases && is_budget(rule.meter)) {
        statements.push_back(
            lease_rows::open_pot(rule.scope, rule.name, rule.meter, ledger_.period_of(rule.meter)));
      }
    }
  }
  statements.push_back(note_rules_changed());
  const std::lock_guard hold(changing_);
  XC_CHECK(database_.transaction(statements));
  for (const Rule& rule : rules) {
    ledger_.grant(rule.scope, rule.name, rule.meter, rule.granted, rule.alert_percent);
    if (rule.granted == kNoLimit) in_force_.erase(pot_of(rule));
    if (rule.granted != kNoLimit) in_force_[pot_of(rule)] = {rule.granted, rule.alert_percent};
  }
  return {};
}

Result<std::vector<ModelPrice>> QuotaRules::prices() const {
  XC_TRY(const std::vector<store::Row> rows,
         database_.query("SELECT model, input, cached, output FROM prices ORDER BY model"));
  std::vector<ModelPrice> all;
  all.reserve(rows.size());
  for (const store::Row& row : rows) {
    all.push_back({text_in(row.at(0)),
                   Price{integer_in(row.at(1)).value_or(0), integer_in(row.at(2)).value_or(0),
                         integer_in(row.at(3)).value_or(0)}});
  }
  return all;
}

Status QuotaRules::set_price(const ModelPrice& row) {
  XC_CHECK(check_account("model", row.model));
  XC_CHECK(check_number("input", row.price.input, 0, kPriceMax));
  XC_CHECK(check_number("cached", row.price.cached, 0, kPriceMax));
  XC_CHECK(check_number("output", row.price.output, 0, kPriceMax));
  const std::lock_guard hold(changing_);
  XC_CHECK(database_.transaction(
      {{"INSERT INTO prices (model, input, cached, output) VALUES (:p0, :p1, :p2, :p3) "
        "ON CONFLICT (model) DO UPDATE SET input = excluded.input, cached = excluded.cached, "
        "output = excluded.output",
        {row.model, row.price.input, row.price.cached, row.price.output}},
       note_rules_changed()}));
  ledger_.price(row.model, row.price);
  return {};
}

}  // namespace xc::identity
