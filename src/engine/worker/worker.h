// `xingcha worker`: one model behind OpenAI-compatible HTTP on a Unix socket.
#pragma once

#include <chrono>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "engine/engine.h"

namespace xc::engine {

struct WorkerOptions {
  LoadOptions load;
  std::string socket;  // path of the Unix socket; created mode 0600
  int io_threads = 1;
  std::chrono::milliseconds drain_timeout = limits::kDrainTimeout;
};

// Loads, serves until SIGTERM, drains, hands over what still runs then (Engine::hand_over),
// returns. While it loads, the socket answers /readyz with 503. Routes: GET /healthz /readyz
// /v1/models /internal/stats /internal/engine, POST /v1/chat/completions /v1/completions
// /v1/embeddings /v1/rerank /tokenize /detokenize /internal/count /internal/handover. Errors carry
// their identity (schema::render_error). A failure to load prints "fatal: <reason>" to stderr and
// returns the error.
Status run_worker(const WorkerOptions& options);
// The same with a given engine, for tests.
Status run_worker(const WorkerOptions& options, std::unique_ptr<Engine> engine);

}  // namespace xc::engine
