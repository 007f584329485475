// Limits, prices and what was used.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// The limits of accounts with what is reserved, settled and left; ?scope=&name=&gone=true (of
// accounts that are not there any more). A tenant sees its own.
Task<Status> list_quotas(Call& call);
// As rules_of (quota_json.h). Who manages one tenant sets those of its workspaces and keys.
Task<Status> set_quotas(Call& call);
// ?scope=&name=: all limits of the account, also of one that is gone.
Task<Status> remove_quotas(Call& call);
Task<Status> list_prices(Call& call);
// As price_of (quota_json.h): micro-yuan for a million tokens.
Task<Status> set_price(Call& call);
// ?group_by=day,model&from=&to=&tenant=; a tenant sees its own.
Task<Status> show_usage(Call& call);

}  // namespace xc::gateway
