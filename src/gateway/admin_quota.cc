#include "gateway/admin_quota.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>
#include <utility>

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

// Which accounts there are; those of models nobody keeps a list of.
class Register {
 public:
  static Result<Register> of(const Desk& desk) {
    Register all;
    XC_TRY(const std::vector<identity::KeyRecord> keys, desk.keys.list());
    XC_TRY(const std::vector<identity::TenantRecord> tenants, desk.tenants.list());
    XC_TRY(const std::vector<identity::WorkspaceRecord> workspaces, desk.tenants.workspaces());
    for (const auto& key : keys) all.names_.emplace(Scope::Key, key.id);
    for (const auto& tenant : tenants) all.names_.emplace(Scope::Tenant, tenant.name);
    for (const auto& one : workspaces) {
      all.names_.emplace(Scope::Workspace, one.tenant + "/" + one.name);
    }
    return all;
  }
  bool has(const Rule& rule) const {
    return rule.scope == Scope::Model || names_.contains({rule.scope, rule.name});
  }

 private:
  std::set<std::pair<Scope, std::string>> names_;
};

// What is asked of the list; empty: all.
struct Wanted {
  std::string scope, name;
  bool gone = false;  // only limits of accounts that are not there any more
};

Result<std::string> rules_text(const Desk& desk, const Wanted& wanted) {
  XC_TRY(const Sight sight, Sight::of(desk));
  Register there;
  if (wanted.gone) {
    XC_TRY(there, Register::of(desk));
  }
  Books& books = desk.books;
  XC_TRY(const std::vector<Rule> rules, books.rules().list());
  SharedRows shared;
  if (books.leases() != nullptr) {
    XC_TRY(shared, books.leases()->shared());
  }
  json::array list;
  for (const Rule& rule : rules) {
    if (!wanted.scope.empty() && name_of(rule.scope) != wanted.scope) continue;
    if (!wanted.name.empty() && rule.name != wanted.name) continue;
    if (wanted.gone && there.has(rule)) continue;
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

// The limits of an account, to be taken away: by whom may set them. Those of an account that is
// gone only who sees every tenant takes away: whose it was nobody knows any more.
Result<std::string> remove_rules(const Desk& desk, Scope scope, const std::string& name) {
  std::vector<Rule> asked{{scope, name}};
  const Result<std::string> tenant = tenant_of(desk, asked);
  const bool gone = !tenant && tenant.error().code == Code::NotFound &&
                    desk.caller.role == identity::Role::PlatformAdmin;
  if (!tenant && !gone) return std::unexpected(tenant.error());
  XC_TRY(std::vector<Rule> rules, desk.books.rules().list());
  std::erase_if(rules, [&](const Rule& rule) {
    return rule.scope != scope || rule.name != asked.front().name;
  });
  if (rules.empty() && gone) return std::unexpected(tenant.error());
  for (Rule& rule : rules) rule.granted = identity::kNoLimit;
  if (!rules.empty()) {
    XC_CHECK(desk.books.rules().set(rules));
    note(desk, "quota_set", tenant.value_or(desk.caller.tenant), text_of(rules));
  }
  return rules_text(desk, {std::string(name_of(scope)), asked.front().name});
}

}  // namespace

Task<Status> list_quotas(Call& call) {
  const std::string& query = call.request().query;
  Wanted wanted{query_value(query, "scope").value_or(""), query_value(query, "name").value_or("")};
  const std::string gone = query_value(query, "gone").value_or("false");
  if (gone != "true" && gone != "false") {
    co_return fail_field("gone", Message::BadValue, {"gone", gone.substr(0, 32), "true, false"});
  }
  wanted.gone = gone == "true";
  Result<Work> work = [desk = desk_of(call), wanted] { return rules_text(desk, wanted); };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

// Looks through tables for the account.
Task<Status> set_quotas(Call& call) {
  Result<std::vector<Rule>> rules = rules_of(call.request().body);
  if (!rules) co_return std::unexpected(std::move(rules.error()));
  Result<Work> work = [desk = desk_of(call),
                       rules = std::move(*rules)]() mutable -> Result<std::string> {
    XC_TRY(const std::string tenant, tenant_of(desk, rules));
    XC_CHECK(desk.books.rules().set(rules));
    note(desk, "quota_set", tenant, text_of(rules));
    return rules_text(desk, {std::string(name_of(rules.front().scope)), rules.front().name});
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

Task<Status> remove_quotas(Call& call) {
  const std::string& query = call.request().query;
  const Result<Scope> scope =
      choice_of("scope", identity::scope_of(query_value(query, "scope").value_or("")), kScopeNames);
  if (!scope) co_return std::unexpected(scope.error());
  std::string name = query_value(query, "name").value_or("");
  if (name.empty()) co_return fail_field("name", Message::MissingField, {"name"});
  Result<Work> work = [desk = desk_of(call), scope = *scope, name] {
    return remove_rules(desk, scope, name);
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

}  // namespace xc::gateway
