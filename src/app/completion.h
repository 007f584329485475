// Completion scripts made from the command table.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"

namespace xc::app {

// Pure. Model names are asked of `xingcha list --names` when Tab is pressed.
std::string bash_completion(const std::vector<Command>& commands);
std::string zsh_completion(const std::vector<Command>& commands, Language language);

}  // namespace xc::app
