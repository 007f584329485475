// The running program over HTTP: its settings and its alarms.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// Every setting with its value in force, and whether a change needs a restart.
Task<Status> show_config(Call& call);
// Reads config.toml and the certificates again; says what changed at once and what waits.
Task<Status> reload_config(Call& call);
// Active ones, and the last that were cleared.
Task<Status> list_alarms(Call& call);
// Somebody is at it. Error: NoAlarm.
Task<Status> acknowledge_alarm(Call& call);

}  // namespace xc::gateway
