#include "fleet/pool_trouble.h"

#include <fmt/format.h>

#include <set>

namespace xc::fleet {
namespace {

// Empty when nothing is wrong.
std::string trouble_of(const EndpointStatus& endpoint) {
  if (endpoint.key_unread) return "its key cannot be opened";
  if (endpoint.down) return "its health checks fail";
  if (endpoint.shut) return fmt::format("its circuit is open, {} requests failed", endpoint.failed);
  return {};
}

}  // namespace

std::map<std::string, std::string> troubled_endpoints(
    const std::vector<EndpointStatus>& endpoints) {
  std::map<std::string, std::string> troubled;
  for (const EndpointStatus& endpoint : endpoints) {
    if (endpoint.row.state != EndpointState::Active) continue;
    const std::string trouble = trouble_of(endpoint);
    if (!trouble.empty()) troubled[endpoint.row.pool + "/" + endpoint.row.name] = trouble;
  }
  return troubled;
}

std::map<std::string, std::string> unserved_models(const PoolTable& table,
                                                   const std::vector<EndpointStatus>& endpoints) {
  std::set<std::string> serving{std::string(kLocalPool)};
  for (const EndpointStatus& endpoint : endpoints) {
    const bool serves = endpoint.row.state == EndpointState::Active && trouble_of(endpoint).empty();
    if (serves) serving.insert(endpoint.row.pool);
  }
  std::map<std::string, std::string> pools_of;
  std::set<std::string> served;
  for (const ModelRoute& route : table.routes) {
    if (serving.contains(route.pool)) served.insert(route.model);
    std::string& pools = pools_of[route.model];
    pools += (pools.empty() ? "pools " : ", ") + route.pool;
  }
  std::erase_if(pools_of, [&served](const auto& entry) { return served.contains(entry.first); });
  return pools_of;
}

}  // namespace xc::fleet
