#include "gateway/admin_pools.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <mutex>
#include <utility>

#include "base/limits.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "schema/json_reader.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using schema::JsonObject;

// One of the names in a field, when it is said.
template <typename T>
Status choice(const JsonObject& body, std::string_view key, T& out,
              std::optional<T> (*of)(std::string_view), std::string_view names) {
  std::string text;
  XC_CHECK(body.text(key, text));
  if (text.empty()) return {};
  const std::optional<T> found = of(text);
  if (!found) {
    return fail_field(std::string(key), Message::BadValue,
                      {std::string(key), text.substr(0, 64), std::string(names)});
  }
  out = *found;
  return {};
}

Status number(const JsonObject& body, std::string_view key, std::int64_t& out) {
  std::optional<std::int64_t> said;
  XC_CHECK(body.integer(key, said, 0, limits::kEndpointPriceMax));
  out = said.value_or(out);
  return {};
}

json::object value_of(const fleet::PoolRow& row) {
  return {{"name", row.name},
          {"region", row.region},
          {"hardware", row.hardware},
          {"secrecy", name_of(row.secrecy)},
          {"policy", name_of(row.policy)}};
}

json::object value_of(const fleet::EndpointStatus& status) {
  const fleet::EndpointRow& row = status.row;
  return {{"name", row.name},
          {"pool", row.pool},
          {"url", row.url},
          {"vendor", schema::name_of(row.vendor)},
          {"has_key", status.has_key},
          {"key_unread", status.key_unread},
          {"state", name_of(row.state)},
          {"rank", row.rank},
          {"price", row.price},
          {"start_timeout_ms", row.start_timeout_ms},
          {"stall_timeout_ms", row.stall_timeout_ms},
          {"continues", row.continues},
          {"link_local", row.link_local},
          {"breaker", name_of(status.breaker)},
          {"down", status.down},
          {"running", status.running},
          {"outstanding_tokens", status.outstanding},
          {"done", status.done},
          {"failed", status.failed},
          {"busy", status.busy},
          {"left", status.left}};
}

std::string pools_text(const fleet::Pools& pools) {
  const std::shared_ptr<const fleet::PoolTable> table = pools.table();
  json::array rows, endpoints, routes, clearances;
  for (const fleet::PoolRow& row : table->pools) rows.push_back(value_of(row));
  for (const fleet::EndpointStatus& status : pools.status()) endpoints.push_back(value_of(status));
  for (const fleet::ModelRoute& route : table->routes) {
    routes.push_back(json::object{{"model", route.model},
                                  {"pool", route.pool},
                                  {"target", route.target},
                                  {"weight", route.weight},
                                  {"hedge_ms", route.hedge_ms}});
  }
  for (const fleet::Clearance& row : table->clearances) {
    clearances.push_back(json::object{
        {"tenant", row.tenant}, {"secrecy", name_of(row.secrecy)}, {"region", row.region}});
  }
  return json::serialize(json::object{{"pools", std::move(rows)},
                                      {"endpoints", std::move(endpoints)},
                                      {"routes", std::move(routes)},
                                      {"clearances", std::move(clearances)}});
}

template <typename Row>
Row row_named(const std::vector<Row>& rows, const std::string& name, Row otherwise) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == rows.end() ? std::move(otherwise) : *found;
}

// The change, then the table it leads to, in force and as the reply. `apply` gets what is there and
// the parsed body; changes wait for each other, so none is lost.
using Apply = std::function<Status(fleet::PoolStore&, const fleet::PoolTable&, const JsonObject&)>;

Task<Status> change(Call& call, std::string_view event, Apply apply) {
  const Services& services = call.services;
  Result<Work> work = [&services, desk = desk_of(call), name = call.parameter,
                       text = call.request().body.empty() ? "{}" : call.request().body, event,
                       apply = std::move(apply)]() -> Result<std::string> {
    static std::mutex changing;
    const std::lock_guard hold(changing);
    json::value document;
    XC_TRY(const JsonObject body, schema::read_body(text, document));
    XC_TRY(const fleet::PoolTable before, services.pool_store.load());
    XC_CHECK(apply(services.pool_store, before, body));
    XC_TRY(const fleet::PoolTable now, services.pool_store.load());
    services.pools.use(now);
    note(desk, event, desk.caller.tenant, name);
    return pools_text(services.pools);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Status apply_endpoint(fleet::PoolStore& store, const fleet::PoolTable& table,
                      const JsonObject& body, const std::string& name) {
  fleet::EndpointRow fresh;
  fresh.name = name;
  fleet::EndpointRow row = row_named(table.endpoints, name, std::move(fresh));
  const std::string before = row.url;
  XC_CHECK(body.text("pool", row.pool));
  XC_CHECK(body.text("url", row.url));
  XC_CHECK(choice(body, "vendor", row.vendor, &schema::vendor_of, schema::kVendorNames));
  std::string key = row.key;
  const bool says_key = body.find("key").has_value();
  XC_CHECK(body.text("key", key));
  row.key = std::move(key);
  if (says_key) row.unread.clear();
  XC_CHECK(choice(body, "state", row.state, &fleet::endpoint_state_of, "active, paused, draining"));
  XC_CHECK(number(body, "rank", row.rank));
  XC_CHECK(number(body, "price", row.price));
  XC_CHECK(
      body.integer("start_timeout_ms", row.start_timeout_ms, 1, limits::kEndpointTimeoutMsMax));
  XC_CHECK(
      body.integer("stall_timeout_ms", row.stall_timeout_ms, 1, limits::kEndpointTimeoutMsMax));
  XC_CHECK(body.flag("continues", row.continues));
  XC_CHECK(body.flag("link_local", row.link_local));
  XC_CHECK(fleet::check(row));
  // A key goes to the address that it was given for, and to no other.
  if (!before.empty() && row.url != before) {
    row.unread.clear();
    if (!says_key) row.key.clear();
  }
  return store.put(std::move(row));
}

Status apply_route(fleet::PoolStore& store, const JsonObject& body, const std::string& model) {
  XC_TRY(const schema::JsonArray targets, body.need_array("targets", limits::kPoolsMax));
  int hedge_ms = 0;
  XC_CHECK(body.integer("hedge_ms", hedge_ms, 0, limits::kHedgeMsMax));
  std::vector<fleet::ModelRoute> routes;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    XC_TRY(const JsonObject target, targets.at(i).as_object());
    fleet::ModelRoute route{model, {}, model, 1, hedge_ms};
    XC_TRY(route.pool, target.need_text("pool"));
    XC_CHECK(target.text("model", route.target));
    XC_CHECK(target.integer("weight", route.weight, 0, limits::kRouteWeightMax));
    routes.push_back(std::move(route));
  }
  return store.put_routes(model, routes);
}

}  // namespace

Task<Status> list_pools(Call& call) {
  Result<Work> work = [&pools = call.services.pools]() -> Result<std::string> {
    return pools_text(pools);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_pool(Call& call) {
  Apply apply = [name = call.parameter](fleet::PoolStore& store, const fleet::PoolTable& table,
                                        const JsonObject& body) -> Status {
    fleet::PoolRow fresh{name, {}, {}, fleet::Secrecy::Public, fleet::Policy::Affinity};
    if (name == fleet::kLocalPool) fresh.secrecy = fleet::Secrecy::Secret;
    fleet::PoolRow row = row_named(table.pools, name, std::move(fresh));
    XC_CHECK(body.text("region", row.region));
    XC_CHECK(body.text("hardware", row.hardware));
    XC_CHECK(choice(body, "secrecy", row.secrecy, &fleet::secrecy_of, fleet::kSecrecyNames));
    XC_CHECK(
        choice(body, "policy", row.policy, &fleet::policy_of, "affinity, least, price, order"));
    return store.put(row);
  };
  Status done = co_await change(call, "pool_set", std::move(apply));
  co_return done;
}

namespace {

using Remove = Status (fleet::PoolStore::*)(const std::string&);

Task<Status> remove_named(Call& call, std::string_view event, Remove remove) {
  Apply apply = [name = call.parameter, remove](fleet::PoolStore& store, const fleet::PoolTable&,
                                                const JsonObject&) {
    return (store.*remove)(name);
  };
  Status done = co_await change(call, event, std::move(apply));
  co_return done;
}

}  // namespace

Task<Status> remove_pool(Call& call) {
  return remove_named(call, "pool_removed", &fleet::PoolStore::remove_pool);
}

Task<Status> set_endpoint(Call& call) {
  Apply apply = [name = call.parameter](fleet::PoolStore& store, const fleet::PoolTable& table,
                                        const JsonObject& body) {
    return apply_endpoint(store, table, body, name);
  };
  Status done = co_await change(call, "endpoint_set", std::move(apply));
  co_return done;
}

Task<Status> remove_endpoint(Call& call) {
  return remove_named(call, "endpoint_removed", &fleet::PoolStore::remove_endpoint);
}

Task<Status> set_model_route(Call& call) {
  Apply apply = [name = call.parameter](fleet::PoolStore& store, const fleet::PoolTable&,
                                        const JsonObject& body) {
    return apply_route(store, body, name);
  };
  Status done = co_await change(call, "route_set", std::move(apply));
  co_return done;
}

Task<Status> set_clearance(Call& call) {
  Apply apply = [name = call.parameter](fleet::PoolStore& store, const fleet::PoolTable& table,
                                        const JsonObject& body) -> Status {
    const auto found = std::ranges::find(table.clearances, name, &fleet::Clearance::tenant);
    fleet::Clearance row{name, fleet::Secrecy::Public, {}};
    if (found != table.clearances.end()) row = *found;
    XC_CHECK(choice(body, "secrecy", row.secrecy, &fleet::secrecy_of, fleet::kSecrecyNames));
    XC_CHECK(body.text("region", row.region));
    return store.put(row);
  };
  Status done = co_await change(call, "clearance_set", std::move(apply));
  co_return done;
}

}  // namespace xc::gateway
