// What a Lease holds. Private to this room.
#pragma once

#include <memory>

#include "fleet/shortcuts.h"

namespace xc::fleet {

struct Lease::State {
  // Owns one use of the worker, which was taken already.
  explicit State(std::shared_ptr<const ReadyWorker> taken) : worker(std::move(taken)) {}
  ~State() { worker->usage->give_back(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const std::shared_ptr<const ReadyWorker> worker;
};

}  // namespace xc::fleet
