#include "gateway/admin_quota.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "identity/caller.h"
#include "schema/json_reader.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using identity::Meter;
using identity::Rule;
using identity::Scope;

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMonthMs = 31ll * 24 * kHourMs;

template <typename T>
Result<T> choice_of(std::string_view field, std::optional<T> found, std::string_view names) {
  if (found) return *found;
  return fail_field(std::string(field), Message::BadValue,
                    {std::string(field), "?", std::string(names)});
}

using SharedRows = std::vector<identity::lease_rows::Row>;

// Of a budget that several gateways share, what they have together; all else, and a budget that
// nobody used in this period, as the ledger here has it.
identity::Balance balance_of(Books& books, const SharedRows& shared, const Rule& rule) {
  identity::Balance balance = books.ledger().balance(rule.scope, rule.name, rule.meter);
  if (books.leases() == nullptr || !identity::is_budget(rule.meter)) return balance;
  balance = {rule.granted, 0, 0, rule.granted, rule.alert_percent};
  const std::int64_t period = books.ledger().period_of(rule.meter);
  for (const identity::lease_rows::Row& row : shared) {
    if (row.scope != rule.scope || row.meter != rule.meter || row.name != rule.name) continue;
    if (row.period != period) continue;
    balance.reserved = row.held;
    balance.settled = row.settled;
    balance.remaining = rule.granted - row.held - row.settled;
  }
  return balance;
}

json::object value_of(Books& books, const SharedRows& shared, const Rule& rule) {
  const identity::Balance balance = balance_of(books, shared, rule);
  return json::object{{"scope", name_of(rule.scope)},   {"name", rule.name},
                      {"meter", name_of(rule.meter)},   {"granted", rule.granted},
                      {"reserved", balance.reserved},   {"settled", balance.settled},
                      {"remaining", balance.remaining}, {"alert_percent", rule.alert_percent}};
}

Result<std::string> rules_text(Books& books, std::string_view scope, std::string_view name) {
  XC_TRY(const std::vector<Rule> rules, books.rules().list());
  SharedRows shared;
  if (books.leases() != nullptr) {
    XC_TRY(shared, books.leases()->shared());
  }
  json::array list;
  for (const Rule& rule : rules) {
    if (!scope.empty() && name_of(rule.scope) != scope) continue;
    if (!name.empty() && rule.name != name) continue;
    list.push_back(value_of(books, shared, rule));
  }
  return json::serialize(json::object{{"quotas", std::move(list)}});
}

Result<std::vector<Rule>> rules_in(std::string_view text) {
  json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(text, document));
  XC_TRY(const std::string scope_name, body.need_text("scope"));
  XC_TRY(const Scope scope,
         choice_of("scope", identity::scope_of(scope_name), "key, workspace, tenant, model"));
  XC_TRY(const std::string name, body.need_text("name"));
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
  return rules;
}

Result<std::string> prices_text(const Books& books) {
  XC_TRY(const std::vector<identity::ModelPrice> prices, books.rules().prices());
  json::array list;
  for (const identity::ModelPrice& row : prices) {
    list.push_back(json::object{{"model", row.model},
                                {"input", row.price.input},
                                {"cached", row.price.cached},
                                {"output", row.price.output}});
  }
  return json::serialize(json::object{{"prices", std::move(list)}});
}

Result<identity::UsageQuery> usage_query_of(const Call& call) {
  const std::string& text = call.request().query;
  identity::UsageQuery query;
  std::string names = query_value(text, "group_by").value_or("");
  for (std::string_view rest = names; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    XC_TRY(const identity::UsageBy by,
           choice_of("group_by", identity::usage_by_of(rest.substr(0, end)),
                     "hour, day, tenant, workspace, key, model, ended"));
    if (std::ranges::find(query.by, by) == query.by.end()) query.by.push_back(by);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::int64_t now = call.services.clock.unix_ms();
  XC_TRY(const std::int64_t to, query_time(text, "to", now + kHourMs));
  XC_TRY(const std::int64_t from,
         query_time(text, "from", std::max<std::int64_t>(to - kMonthMs, 0)));
  query.from_hour = from / kHourMs;
  query.to_hour = to / kHourMs + (to % kHourMs == 0 ? 0 : 1);
  query.tenant = query_value(text, "tenant").value_or("");
  if (!identity::reaches_all(call.caller)) query.tenant = call.caller.tenant;
  return query;
}

Result<std::string> usage_text(const Books& books, const identity::UsageQuery& query) {
  XC_TRY(const std::vector<identity::UsageGroup> groups, books.usage().query(query));
  json::array rows;
  for (const identity::UsageGroup& group : groups) {
    json::object row;
    for (std::size_t i = 0; i < query.by.size(); ++i) {
      row[name_of(query.by[i])] = group.names[i];
    }
    row["requests"] = group.sums.requests;
    row["prompt_tokens"] = group.sums.prompt_tokens;
    row["cached_tokens"] = group.sums.cached_tokens;
    row["completion_tokens"] = group.sums.completion_tokens;
    row["cost_micro_yuan"] = group.sums.cost_micro;
    rows.push_back(std::move(row));
  }
  const json::object out{{"from_unix_ms", query.from_hour * kHourMs},
                         {"to_unix_ms", query.to_hour * kHourMs},
                         {"usage", std::move(rows)}};
  return json::serialize(out);
}

}  // namespace

Task<Status> list_quotas(Call& call) {
  std::string scope = query_value(call.request().query, "scope").value_or("");
  std::string name = query_value(call.request().query, "name").value_or("");
  Result<Work> work = [&books = call.services.books, scope, name] {
    return rules_text(books, scope, name);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_quotas(Call& call) {
  Result<std::vector<Rule>> rules = rules_in(call.request().body);
  if (!rules) co_return std::unexpected(std::move(rules.error()));
  if (rules->empty()) co_return fail_field("limits", Message::MissingField, {"limits"});
  Result<Work> work = [&books = call.services.books,
                       rules = std::move(*rules)]() -> Result<std::string> {
    XC_CHECK(books.rules().set(rules));
    return rules_text(books, name_of(rules.front().scope), rules.front().name);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> list_prices(Call& call) {
  Result<Work> work = [&books = call.services.books] { return prices_text(books); };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_price(Call& call) {
  json::value document;
  const Result<schema::JsonObject> body = schema::read_body(call.request().body, document);
  if (!body) co_return std::unexpected(body.error());
  Result<std::string> model = body->need_text("model");
  if (!model) co_return std::unexpected(std::move(model.error()));
  std::optional<std::int64_t> input, cached, output;
  Status read = body->integer("input", input, 0, identity::kPriceMax);
  if (read) read = body->integer("cached", cached, 0, identity::kPriceMax);
  if (read) read = body->integer("output", output, 0, identity::kPriceMax);
  if (!read) co_return read;
  identity::ModelPrice row{std::move(*model), {}};
  row.price.input = input.value_or(0);
  row.price.cached = cached.value_or(row.price.input);
  row.price.output = output.value_or(0);
  Result<Work> work = [&books = call.services.books, row]() -> Result<std::string> {
    XC_CHECK(books.rules().set_price(row));
    return prices_text(books);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> show_usage(Call& call) {
  Result<identity::UsageQuery> query = usage_query_of(call);
  if (!query) co_return std::unexpected(std::move(query.error()));
  Result<Work> work = [&books = call.services.books, query = std::move(*query)] {
    return usage_text(books, query);
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

}  // namespace xc::gateway
