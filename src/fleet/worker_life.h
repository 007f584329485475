// The one coroutine that drives a worker; every change of its state happens here.
//
//   back off → wait for memory → start → until it answers → Ready → drain → SIGTERM → SIGKILL
//
// It ends when the process is gone, having told the model why: a load that failed (failed_load,
// failure), an unasked death (policy, reason), or nothing when the end was asked for.
#pragma once

#include <memory>

#include "base/task.h"
#include "fleet/fleet_state.h"

namespace xc::fleet {

// I/O thread 0. `model->worker` is this worker until the coroutine ends.
Task<void> live(std::shared_ptr<FleetState> fleet, std::shared_ptr<Model> model,
                std::shared_ptr<Worker> worker);

}  // namespace xc::fleet
