// The configuration that `serve` would use here, for the commands that must know it too.
#pragma once

#include "app/command.h"
#include "app/config.h"

namespace xc::app {

// config.toml of the home and the process's variables; no flags.
ConfigSource config_source_of(const Surroundings& here);

}  // namespace xc::app
