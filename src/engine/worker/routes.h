// The worker's side of HTTP: what each address does with the engine.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/id.h"
#include "engine/engine.h"
#include "net/http.h"
#include "net/runtime.h"

namespace xc::engine {

// Begins in "loading"; ready() and drain() may be called from any thread. The engine must outlive
// every exchange.
class Routes {
 public:
  // `runtime` outlives this; `name` is the model's, for errors while it loads.
  Routes(net::Runtime& runtime, std::string name);

  net::Handler handler();  // refers to this
  static net::ErrorReply render_error(const Error& error, std::string_view path,
                                      std::string_view accept_language);
  void ready(Engine& engine) { engine_ = &engine; }
  // /readyz says 503, so that nobody sends new work; work that comes is still done.
  void drain() { draining_ = true; }

 private:
  Task<void> handle(net::Exchange& exchange);
  Task<Status> dispatch(net::Exchange& exchange);
  Task<Status> readyz(net::Exchange& exchange) const;
  Task<Status> refuse_while_loading() const;
  Task<Status> hand_over(net::Exchange& exchange, Engine& engine);
  Task<Status> reply_at_once(net::Exchange& exchange, Engine& engine);
  Task<Status> chat(net::Exchange& exchange, Engine& engine);
  Task<Status> complete(net::Exchange& exchange, Engine& engine);
  Task<Status> embed(net::Exchange& exchange, Engine& engine);
  Task<Status> rerank(net::Exchange& exchange, Engine& engine);
  // The routes that answer at once: tokens, counts, facts. JSON, or why not.
  static Result<std::string> answer_at_once(const net::Request& request, Engine& engine);

  struct Call;
  Call call_of(net::Exchange& exchange, Engine& engine);
  schema::ReplyHead head_of(const Call& call, std::string_view model) const;

  net::Runtime& runtime_;
  const std::string name_;
  SystemClock clock_;
  SystemRandom random_;
  std::atomic<Engine*> engine_{nullptr};
  std::atomic<bool> draining_{false};
};

}  // namespace xc::engine
