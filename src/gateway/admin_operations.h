// The running program over HTTP: its settings.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// Every setting with its value in force, and whether a change needs a restart.
Task<Status> show_config(Call& call);
// Reads config.toml and the certificates again; says what changed at once and what waits.
Task<Status> reload_config(Call& call);

}  // namespace xc::gateway
