#include "gateway/quota_json.h"

#include <fmt/format.h>

#include "schema/json_reader.h"

namespace xc::gateway {

using identity::Meter;
using identity::Rule;
using identity::Scope;

Result<std::vector<Rule>> rules_of(std::string_view text) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(text, document));
  XC_TRY(const std::string scope_name, body.need_text("scope"));
  XC_TRY(const Scope scope, choice_of("scope", identity::scope_of(scope_name), kScopeNames));
  XC_TRY(const std::string name, body.need_text("name"));
  if (name.empty()) return fail_field("name", Message::MissingField, {"name"});
  XC_TRY(const schema::JsonObject limits, body.need_object("limits"));
  int alert_percent = identity::kAlertPercent;
  XC_CHECK(body.integer("alert_percent", alert_percent, 0, 100));
  std::vector<Rule> rules;
  for (const auto& [key, value] : limits.object()) {
    XC_TRY(const Meter meter,
           choice_of(limits.path_of(key), identity::meter_of(key),
                     "requests_per_minute, tokens_per_minute, tokens_per_day, tokens_per_month, "
                     "micro_yuan_per_day, micro_yuan_per_month, concurrency"));
    std::optional<std::int64_t> granted;
    XC_CHECK(limits.integer(key, granted, 0, identity::kGrantedMax));
    rules.push_back({scope, name, meter, granted.value_or(identity::kNoLimit), alert_percent});
  }
  if (rules.empty()) return fail_field("limits", Message::MissingField, {"limits"});
  return rules;
}

Result<identity::ModelPrice> price_of(std::string_view text) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(text, document));
  identity::ModelPrice row;
  XC_TRY(row.model, body.need_text("model"));
  std::optional<std::int64_t> input, cached, output;
  XC_CHECK(body.integer("input", input, 0, identity::kPriceMax));
  XC_CHECK(body.integer("cached", cached, 0, identity::kPriceMax));
  XC_CHECK(body.integer("output", output, 0, identity::kPriceMax));
  row.price.input = input.value_or(0);
  row.price.cached = cached.value_or(row.price.input);
  row.price.output = output.value_or(0);
  return row;
}

std::string text_of(const std::vector<Rule>& rules) {
  std::string text;
  for (const Rule& rule : rules) {
    text += text.empty() ? fmt::format("{} {}: ", name_of(rule.scope), rule.name) : ", ";
    const bool none = rule.granted == identity::kNoLimit;
    text += fmt::format("{}={}", name_of(rule.meter), none ? "none" : fmt::to_string(rule.granted));
  }
  return text;
}

std::string text_of(const identity::ModelPrice& row) {
  return fmt::format("model {}: input={}, cached={}, output={}", row.model, row.price.input,
                     row.price.cached, row.price.output);
}

}  // namespace xc::gateway
