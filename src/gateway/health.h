// Probes, version, metrics and the description of the API: the routes without a key.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> healthz(Call& call);
Task<Status> readyz(Call& call);
Task<Status> version(Call& call);
Task<Status> metrics(Call& call);
Task<Status> openapi(Call& call);

}  // namespace xc::gateway
