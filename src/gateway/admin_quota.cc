#include "gateway/admin_quota.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "gateway/quota_json.h"
#include "identity/caller.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using identity::Meter;
using identity::Rule;
using identity::Scope;

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMonthMs = 31ll * 24 * kHourMs;

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

// Whose limits a caller may see: their tenant's, its workspaces' and its keys'.
class Sight {
 public:
  static Result<Sight> of(const Desk& desk) {
    Sight sight(desk.caller);
    if (identity::reaches_all(desk.caller)) return sight;
    XC_TRY(const std::vector<identity::KeyRecord> keys, desk.keys.list());
    for (const identity::KeyRecord& key : keys) sight.tenants_[key.id] = key.tenant;
    return sight;
  }
  bool holds(const Rule& rule) const {
    if (identity::reaches_all(caller_)) return true;
    if (rule.scope == Scope::Tenant) return rule.name == caller_.tenant;
    if (rule.scope == Scope::Workspace) return rule.name.starts_with(caller_.tenant + "/");
    if (rule.scope == Scope::Model) return false;  // shared: the platform's business
    const auto found = tenants_.find(rule.name);
    return found != tenants_.end() && found->second == caller_.tenant;
  }

 private:
  explicit Sight(const identity::Caller& caller) : caller_(caller) {}
  const identity::Caller& caller_;
  std::map<std::string, std::string> tenants_;  // by key; empty for who sees all
};

Result<std::string> rules_text(const Desk& desk, std::string_view scope, std::string_view name) {
  XC_TRY(const Sight sight, Sight::of(desk));
  Books& books = desk.books;
  XC_TRY(const std::vector<Rule> rules, books.rules().list());
  SharedRows shared;
  if (books.leases() != nullptr) {
    XC_TRY(shared, books.leases()->shared());
  }
  json::array list;
  for (const Rule& rule : rules) {
    if (!scope.empty() && name_of(rule.scope) != scope) continue;
    if (!name.empty() && rule.name != name) continue;
    if (sight.holds(rule)) list.push_back(value_of(books, shared, rule));
  }
  return json::serialize(json::object{{"quotas", std::move(list)}});
}

Status check_workspace(const Desk& desk, const std::string& tenant, const std::string& name) {
  XC_TRY(const std::vector<identity::WorkspaceRecord> all, desk.tenants.workspaces());
  const bool there = std::ranges::any_of(all, [&](const identity::WorkspaceRecord& one) {
    return one.tenant == tenant && one.name == name;
  });
  if (there && identity::reaches(desk.caller, tenant)) return {};
  return fail(Code::NotFound, Message::NoSuchWorkspace, {tenant.substr(0, 64), name.substr(0, 64)});
}

// The tenant whose account the rules are for; a key is called by its id in them from here on. A
// limit of an account that is not there would hold nobody back, and nobody would notice. Who
// manages one tenant divides what that was given: among its workspaces and keys.
Result<std::string> tenant_of(const Desk& desk, std::vector<Rule>& rules) {
  const Scope scope = rules.front().scope;
  const std::string name = rules.front().name;
  const bool divides = scope == Scope::Key || scope == Scope::Workspace;
  if (!divides && desk.caller.role != identity::Role::PlatformAdmin) {
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(name_of(scope))});
  }
  if (divides && !identity::within(desk.caller, {})) {
    return fail(Code::Forbidden, Message::RestrictedKey);
  }
  if (scope == Scope::Model) return desk.caller.tenant;
  if (scope == Scope::Tenant) {
    XC_TRY(const identity::TenantRecord tenant, desk.tenants.find(name));
    return tenant.name;
  }
  if (scope == Scope::Workspace) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    std::string tenant = name.substr(0, slash);
    XC_CHECK(check_workspace(desk, tenant, name.substr(std::min(slash + 1, name.size()))));
    return tenant;
  }
  XC_TRY(const identity::KeyRecord key, desk.keys.find(name));
  if (!identity::reaches(desk.caller, key.tenant)) {
    return fail(Code::NotFound, Message::NoSuchKey, {name.substr(0, 64)});
  }
  if (!identity::may_manage(desk.caller, key.role, key.tenant)) {
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(identity::name_of(key.role))});
  }
  for (Rule& rule : rules) rule.name = key.id;
  return key.tenant;
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
                     identity::usage_dimensions()));
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
  if (identity::reaches_all(call.caller)) return query;
  query.tenant = call.caller.tenant;
  // Which endpoints there are is the platform's business.
  for (const identity::UsageBy by : {identity::UsageBy::Pool, identity::UsageBy::Endpoint}) {
    if (std::ranges::find(query.by, by) == query.by.end()) continue;
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(name_of(by))});
  }
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
  Result<Work> work = [desk = desk_of(call), scope, name] { return rules_text(desk, scope, name); };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_quotas(Call& call) {
  Result<std::vector<Rule>> rules = rules_of(call.request().body);
  if (!rules) co_return std::unexpected(std::move(rules.error()));
  Result<Work> work = [desk = desk_of(call),
                       rules = std::move(*rules)]() mutable -> Result<std::string> {
    XC_TRY(const std::string tenant, tenant_of(desk, rules));
    XC_CHECK(desk.books.rules().set(rules));
    note(desk, "quota_set", tenant, text_of(rules));
    return rules_text(desk, name_of(rules.front().scope), rules.front().name);
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
  Result<identity::ModelPrice> row = price_of(call.request().body);
  if (!row) co_return std::unexpected(std::move(row.error()));
  Result<Work> work = [desk = desk_of(call), row = std::move(*row)]() -> Result<std::string> {
    XC_CHECK(desk.books.rules().set_price(row));
    note(desk, "price_set", desk.caller.tenant, text_of(row));
    return prices_text(desk.books);
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
