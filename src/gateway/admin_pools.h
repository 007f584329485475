// Pools, endpoints, routes of models and clearances of tenants. All for platform admins alone, but
// the list, which says everything except the endpoints' keys.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> list_pools(Call& call);
// {"region", "hardware", "secrecy", "policy"}; what is not said stays as it is. So do the others.
Task<Status> set_pool(Call& call);
Task<Status> remove_pool(Call& call);
// {"pool", "url", "vendor", "key", "state", "rank", "price", "start_timeout_ms",
//  "stall_timeout_ms", "continues", "link_local"}
Task<Status> set_endpoint(Call& call);
Task<Status> remove_endpoint(Call& call);
// {"targets": [{"pool", "model", "weight"}], "hedge_ms"}; none: the model has no route any more.
Task<Status> set_model_route(Call& call);
// {"secrecy", "region"}
Task<Status> set_clearance(Call& call);

}  // namespace xc::gateway
