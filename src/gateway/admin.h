// What `xingcha ps`, `stop` and `key` ask of a running server.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> list_workers(Call& call);
Task<Status> stop_worker(Call& call);
Task<Status> reload_keys(Call& call);

}  // namespace xc::gateway
