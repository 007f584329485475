// One request at the door, with all that its stages need.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/error.h"
#include "gateway/audit.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "gateway/router.h"
#include "gateway/terms.h"
#include "net/http.h"
#include "ops/trace.h"

namespace xc::gateway {

// Lives in the door's coroutine (gateway.cc) and on its I/O thread; handlers take it by reference.
struct Call {
  const Services& services;
  Metrics& metrics;
  net::Exchange& exchange;
  AuditEntry& audit;
  Shape shape = Shape::OpenAi;
  Language language = Language::Zh;
  std::string request_id{};
  std::string parameter{};       // of the route's pattern
  std::int64_t deadline_ms = 0;  // as asked or as limited
  Deadline deadline = Deadline::never();
  Priority priority = Priority::Normal;
  identity::Caller caller{};  // empty on routes without a key
  bool shutting_down = false;
  net::Server::Counters connections{};    // for /metrics
  std::optional<fleet::Course> course{};  // once pools were asked where it goes
  std::string worker_model{};             // at a worker that a route names: its name there
  ops::Trace trace{};

  const net::Request& request() const { return exchange.request(); }
};

// The request's id: the caller's X-Request-Id when it is short and plain, else a new one.
std::string request_id_of(const net::Request& request, RandomSource& random);
// The key or session token: in Authorization: Bearer, x-api-key (Anthropic), api-key (Azure) or the
// console's cookie.
std::string_view secret_of(const net::Request& request, const Services& services);
// Stage 1: who calls. Error: as KeyStore::verify and SessionStore::verify.
Result<identity::Caller> caller_of(const net::Request& request, const Services& services);

// A row that holds the list it stands in.
using SharedRow = std::shared_ptr<const ModelRow>;
// The row of GET /v1/models with this name, alias or service id. Error: NoModel; NoAdapter for
// model:adapter when the model is there.
Result<SharedRow> model_row(const Services& services, std::string_view name);
// The same for what the caller asks to use. Error: also Forbidden with ScopeRefused when the key's
// models do not include it, whether it is there or not.
Result<SharedRow> allowed_model(const Call& call, std::string_view name);
// A pattern names a model by its name or by an alias.
bool may_use(const identity::Caller& caller, const ModelRow& row);

std::string render_error(Shape shape, const Error& error, Language language,
                         std::string_view request_id);
// Fills in what only the door knows: an internal error's id, by which the log line can be found,
// and the deadline as it was asked for (those below see what was left of it).
void name_the_request(Error& error, const Call& call);
// X-Xingcha-Receipt on the reply of an admitted call; before its head leaves.
void add_receipt(Call& call);
Task<Status> reply_json(Call& call, int status, std::string body);
Task<Status> reply_error(Call& call, Error error);

}  // namespace xc::gateway
