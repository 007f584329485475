#include "gateway/pool_json.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/limits.h"
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

}  // namespace

Status read_pool(std::string_view text, fleet::PoolRow& row) {
  json::value document;
  XC_TRY(const JsonObject body, schema::read_body(text, document));
  XC_CHECK(body.text("region", row.region));
  XC_CHECK(body.text("hardware", row.hardware));
  XC_CHECK(choice(body, "secrecy", row.secrecy, &fleet::secrecy_of, fleet::kSecrecyNames));
  return choice(body, "policy", row.policy, &fleet::policy_of, "affinity, least, price, order");
}

Status read_endpoint(std::string_view text, fleet::EndpointRow& row) {
  json::value document;
  XC_TRY(const JsonObject body, schema::read_body(text, document));
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
  if (!before.empty() && row.url != before) {
    row.unread.clear();
    if (!says_key) row.key.clear();
  }
  return {};
}

Status read_clearance(std::string_view text, fleet::Clearance& row) {
  json::value document;
  XC_TRY(const JsonObject body, schema::read_body(text, document));
  XC_CHECK(choice(body, "secrecy", row.secrecy, &fleet::secrecy_of, fleet::kSecrecyNames));
  return body.text("region", row.region);
}

Result<std::vector<fleet::ModelRoute>> routes_of(std::string_view text, const std::string& model) {
  json::value document;
  XC_TRY(const JsonObject body, schema::read_body(text, document));
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
  return routes;
}

std::string json_of(const fleet::Pools& pools) {
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

std::string text_of(const fleet::PoolRow& row) {
  return fmt::format("region={} hardware={} secrecy={} policy={}", row.region, row.hardware,
                     name_of(row.secrecy), name_of(row.policy));
}

std::string text_of(const fleet::EndpointRow& row) {
  return fmt::format(
      "pool={} url={} vendor={} key={} state={} rank={} price={} start_timeout_ms={} "
      "stall_timeout_ms={} continues={} link_local={}",
      row.pool, row.url, schema::name_of(row.vendor), !row.key.empty() || !row.unread.empty(),
      name_of(row.state), row.rank, row.price, row.start_timeout_ms, row.stall_timeout_ms,
      row.continues, row.link_local);
}

std::string text_of(const std::vector<fleet::ModelRoute>& routes) {
  std::string text;
  for (const fleet::ModelRoute& route : routes) {
    text += fmt::format("{}{}/{} weight={} hedge_ms={}", text.empty() ? "" : ", ", route.pool,
                        route.target, route.weight, route.hedge_ms);
  }
  return text.empty() ? "none" : text;
}

std::string text_of(const fleet::Clearance& row) {
  return fmt::format("secrecy={} region={}", name_of(row.secrecy), row.region);
}

}  // namespace xc::gateway
