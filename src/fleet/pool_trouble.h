// What is wrong with endpoints, and which models suffer from it: for those who watch. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fleet/pools.h"

namespace xc::fleet {

// Endpoints that should take requests and do not, by "pool/endpoint", with the reason in English.
// One that is paused or drained is as somebody wants it; one that rests (429) is well.
std::map<std::string, std::string> troubled_endpoints(const std::vector<EndpointStatus>& endpoints);

// Models with a route of which no target has an endpoint that takes requests, for whatever reason,
// with their pools. The workers of this machine load on demand: who has them is served.
std::map<std::string, std::string> unserved_models(const PoolTable& table,
                                                   const std::vector<EndpointStatus>& endpoints);

}  // namespace xc::fleet
