// A server for commands that need one: the one that runs, or a new one in the background.
#pragma once

#include "app/api_client.h"
#include "app/command.h"

namespace xc::app {

// When nothing answers and the address is on this machine, starts `xingcha serve` detached (log in
// data/serve.log) and waits until it is ready. Says so on stderr.
// Error: CannotConnect (a remote server), Unavailable with the end of the log.
Result<ApiClient> reach_server(const Surroundings& here);

}  // namespace xc::app
