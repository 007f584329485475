// Limits, prices and what was used.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// The limits of all accounts with what is reserved, settled and left; ?scope=&name=
Task<Status> list_quotas(Call& call);
// {"scope", "name", "limits": {"tokens_per_day": 1000, "concurrency": null, …}, "alert_percent"}
Task<Status> set_quotas(Call& call);
Task<Status> list_prices(Call& call);
// {"model", "input", "cached", "output"}: micro-yuan for a million tokens
Task<Status> set_price(Call& call);
// ?group_by=day,model&from=&to=&tenant=; a tenant sees its own.
Task<Status> show_usage(Call& call);

}  // namespace xc::gateway
