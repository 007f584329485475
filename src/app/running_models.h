// What runs now, asked of the server: for `ps`, `stop`, `restart` and `rm`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/api_client.h"
#include "base/result.h"

namespace xc::app {

struct RunningModel {
  std::string name, state, reason;
  int pid = 0, in_flight = 0, restarts = 0, context = 0;
  std::uint64_t resident_bytes = 0;
  std::int64_t started_unix_ms = 0;
  std::optional<std::int64_t> expires_unix_ms;
};

// Error: as ApiClient::call.
Result<std::vector<RunningModel>> running_models(const ApiClient& api);
// The body of the admin route; Upstream when it is not what the server sends. Pure.
Result<std::vector<RunningModel>> parse_running_models(std::string_view json);
// Drains and stops one model.
Status stop_model(const ApiClient& api, const std::string& name);
// Replaces its process; answers that run go on in the new one.
Status restart_model(const ApiClient& api, const std::string& name);

}  // namespace xc::app
