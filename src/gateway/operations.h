// What the program around the gateway lets administrators see and do. Filled by app/wiring.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace xc::gateway {

// The functions are thread-safe and give JSON.
struct Operations {
  std::function<std::string()> show_config;
  // Blocking. Error: as load_config, and everything stays as it was.
  std::function<Result<std::string>()> reload_config;
};

}  // namespace xc::gateway
