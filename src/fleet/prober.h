// Active health: asks endpoints whether they are well.
#pragma once

#include "base/task.h"
#include "fleet/pools.h"
#include "net/client.h"
#include "net/runtime.h"

namespace xc::fleet {

// Asks one endpoint, at most limits::kProbeTimeout long, and tells the pools. Only a 2xx is well.
// On an I/O thread; the references outlive it.
Task<void> probe_one(Pools& pools, net::Client& client, Probe probe);
// One round: every endpoint at once, as tasks of the group.
void probe_all(Pools& pools, net::Client& client, net::Runtime& runtime, net::TaskGroup& tasks);

}  // namespace xc::fleet
