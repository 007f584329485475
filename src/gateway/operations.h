// What the program around the gateway lets administrators see and do. Filled by app/wiring.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ops/alarm_board.h"
#include "ops/trace.h"

namespace xc::gateway {

// How often something was handed to another house: alarms, traces, signed heads.
struct Delivery {
  std::string sink;     // "webhook", "syslog", "traces", "witness_url", "witness_file"
  std::string outcome;  // "delivered", "failed", "dropped"
  std::uint64_t count = 0;
};

// The functions are thread-safe; those that give text give JSON.
struct Operations {
  std::function<std::string()> show_config;
  // Blocking. Error: as load_config, and everything stays as it was.
  std::function<Result<std::string>()> reload_config;
  std::function<std::vector<Delivery>()> deliveries;
  ops::AlarmBoard* alarms = nullptr;
  ops::SpanSink* traces = nullptr;  // null: off
};

}  // namespace xc::gateway
