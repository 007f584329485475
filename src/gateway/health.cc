#include "gateway/health.h"

#include <fmt/core.h>

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
  std::string body = call.metrics.text(call.services.fleet.status(), call.connections);
  call.audit.outcome(200);
  return call.exchange.reply(200, "text/plain; version=0.0.4; charset=utf-8", std::move(body));
}

Task<Status> openapi(Call& call) {
  call.audit.outcome(200);
  return call.exchange.reply_static(200, "application/json", embedded::openapi_json);
}

}  // namespace xc::gateway
