// What `xingcha ps`, `stop`, `restart` and `key` ask of a running server.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> list_workers(Call& call);
// Stats, live tree and queues of every ready worker.
Task<Status> show_engines(Call& call);
Task<Status> stop_worker(Call& call);
// Replaces the model's worker; answers that run go on in the new one.
Task<Status> restart_worker(Call& call);
Task<Status> reload_keys(Call& call);

}  // namespace xc::gateway
