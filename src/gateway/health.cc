#include "gateway/health.h"

#include <fmt/core.h>

#include <functional>
#include <utility>

#include "gateway/engines.h"
#include "gateway/operations.h"
#include "schema/json_text.h"

namespace xc::embedded {
extern const std::string_view openapi_json;
}

namespace xc::gateway {

Task<Status> healthz(Call& call) { return reply_json(call, 200, R"({"status":"ok"})"); }

Task<Status> readyz(Call& call) {
  if (call.shutting_down) return reply_json(call, 503, R"({"state":"draining"})");
  return reply_json(call, 200, R"({"state":"ready"})");
}

Task<Status> version(Call& call) {
  std::string body = R"({"name":"xingcha","version":)";
  schema::append_string(body, call.services.version);
  body += '}';
  return reply_json(call, 200, std::move(body));
}

Task<Status> metrics(Call& call) {
  const std::vector<EngineReport> reports = co_await ask_engines(call, "/internal/stats");
  std::map<std::string, EngineNumbers> engines;
  for (const EngineReport& report : reports) {
    if (report.json) engines[report.model] = numbers_of(*report.json);
  }
  call.metrics.engines(engines);
  std::function<void()> walk =
      call.metrics.ledger_walk(call.services.books, call.services.clock.now());
  if (walk) co_await call.services.blocking.run(std::move(walk));
  call.metrics.audit_log(call.services.books);
  if (call.services.operations != nullptr) call.metrics.operations(*call.services.operations);
  call.metrics.endpoints(call.services.pools.status());
  std::string body = call.metrics.text(call.services.fleet.status(), call.connections);
  call.audit.outcome(200);
  constexpr std::string_view kType = "text/plain; version=0.0.4; charset=utf-8";
  Status replied = co_await call.exchange.reply(200, kType, std::move(body));
  co_return replied;
}

Task<Status> openapi(Call& call) {
  call.audit.outcome(200);
  return call.exchange.reply_static(200, "application/json", embedded::openapi_json);
}

}  // namespace xc::gateway
