// What administrators send to /admin: limits, prices, keys, pools, endpoints, routes, clearances.
// No body breaks a reader; what is accepted is within its bounds, reads the same when it is checked
// again, and its record holds no secret.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/limits.h"
#include "gateway/identity_json.h"
#include "gateway/pool_json.h"
#include "gateway/quota_json.h"

namespace {

using namespace xc;
using namespace xc::gateway;

void limits_and_prices(std::string_view text) {
  if (const auto rules = rules_of(text)) {
    XC_ASSERT(!rules->empty() && !text_of(*rules).empty());
    for (const identity::Rule& rule : *rules) {
      XC_ASSERT(rule.scope == rules->front().scope && rule.name == rules->front().name);
      XC_ASSERT(rule.granted >= identity::kNoLimit && rule.granted <= identity::kGrantedMax);
      XC_ASSERT(rule.alert_percent >= 0 && rule.alert_percent <= 100);
    }
  }
  if (const auto row = price_of(text)) {
    for (const std::int64_t price : {row->price.input, row->price.cached, row->price.output}) {
      XC_ASSERT(price >= 0 && price <= identity::kPriceMax);
    }
    XC_ASSERT(identity::cost_of(row->price, {INT64_MAX, INT64_MAX, INT64_MAX}) >= 0);
  }
}

void keys(std::string_view text) {
  const auto spec = key_spec_of(text, "t", 1'700'000'000'000);
  if (!spec) return;
  XC_ASSERT(static_cast<int>(spec->role) < identity::kRoles);
  XC_ASSERT(!spec->expires_unix_ms || *spec->expires_unix_ms > 1'700'000'000'000);
  if (const auto scopes = identity::Scopes::of(spec->scopes)) {
    XC_ASSERT(scopes->texts() == spec->scopes);
  }
}

void endpoints(std::string_view text) {
  fleet::EndpointRow row;
  row.name = "e";
  row.url = "http://before:1";
  row.key = "sk-of-before";
  if (!read_endpoint(text, row) || text.find("of-before") != std::string_view::npos) return;
  fleet::EndpointRow again = row;
  XC_ASSERT(fleet::check(again) && again == row);
  XC_ASSERT(net::Origin::parse(row.url));
  XC_ASSERT(row.url == "http://before:1" || row.key != "sk-of-before");
  XC_ASSERT(text_of(row).find("sk-of-before") == std::string::npos);
}

void tables(std::string_view text) {
  fleet::PoolRow pool;
  pool.name = "p";
  if (read_pool(text, pool)) {
    XC_ASSERT(!text_of(pool).empty());
  }
  fleet::Clearance clearance{"t", fleet::Secrecy::Public, {}};
  if (read_clearance(text, clearance)) {
    XC_ASSERT(!text_of(clearance).empty());
  }
  if (const auto routes = routes_of(text, "m")) {
    XC_ASSERT(routes->size() <= limits::kPoolsMax && !text_of(*routes).empty());
    for (const fleet::ModelRoute& route : *routes) {
      XC_ASSERT(route.model == "m" && route.hedge_ms == routes->front().hedge_ms);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  limits_and_prices(text);
  keys(text);
  endpoints(text);
  tables(text);
  return 0;
}
