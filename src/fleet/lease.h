// What a Lease holds. Private to this room.
#pragma once

#include <memory>

#include "fleet/fleet_state.h"

namespace xc::fleet {

struct Lease::State {
  explicit State(const Worker& worker)
      : usage(worker.usage), spec(worker.spec), origin(worker.process->origin()) {
    usage->take();
  }
  ~State() { usage->give_back(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::shared_ptr<Usage> usage;
  std::shared_ptr<const ModelSpec> spec;
  net::Origin origin;
};

}  // namespace xc::fleet
