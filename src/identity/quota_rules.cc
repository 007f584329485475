#include "identity/quota_rules.h"

#include <fmt/core.h>

#include "base/limits.h"
#include "identity/columns.h"

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

}  // namespace

Status QuotaRules::load() {
  const std::lock_guard hold(changing_);
  XC_TRY(const std::vector<Rule> rules, list());
  XC_TRY(const std::vector<ModelPrice> all, prices());
  for (const Rule& rule : rules) {
    ledger_.grant(rule.scope, rule.name, rule.meter, rule.granted, rule.alert_percent);
  }
  for (const ModelPrice& row : all) ledger_.price(row.model, row.price);
  return {};
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
    }
  }
  const std::lock_guard hold(changing_);
  XC_CHECK(database_.transaction(statements));
  for (const Rule& rule : rules) {
    ledger_.grant(rule.scope, rule.name, rule.meter, rule.granted, rule.alert_percent);
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
  XC_CHECK(database_.execute(
      "INSERT INTO prices (model, input, cached, output) VALUES (:p0, :p1, :p2, :p3) "
      "ON CONFLICT (model) DO UPDATE SET input = excluded.input, cached = excluded.cached, "
      "output = excluded.output",
      {row.model, row.price.input, row.price.cached, row.price.output}));
  ledger_.price(row.model, row.price);
  return {};
}

}  // namespace xc::identity
