#include "gateway/admin.h"

#include <boost/json/serialize.hpp>

#include <functional>
#include <memory>
#include <utility>

#include "base/limits.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

json::object render_worker(const fleet::ModelStatus& worker) {
  json::object out{{"model", worker.name},
                   {"state", name_of(worker.state)},
                   {"reason", worker.reason},
                   {"pid", worker.pid},
                   {"in_flight", worker.in_flight},
                   {"restarts", worker.restarts},
                   {"context", worker.context},
                   {"resident_bytes", worker.resident_bytes},
                   {"started_unix_ms", worker.started_unix_ms}};
  out["expires_unix_ms"] = nullptr;
  if (worker.expires_unix_ms) out["expires_unix_ms"] = *worker.expires_unix_ms;
  return out;
}

}  // namespace

Task<Status> list_workers(Call& call) {
  json::array workers;
  for (const fleet::ModelStatus& worker : call.services.fleet.status()) {
    workers.push_back(render_worker(worker));
  }
  const json::object list{{"workers", std::move(workers)}};
  std::string body = json::serialize(list);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> stop_worker(Call& call) {
  const Result<ModelRow> row = model_row(call.services, call.parameter);
  std::string model = row ? row->name : call.parameter;  // a worker may outlive its model's row
  const Deadline deadline = call.deadline.sooner(Deadline::after(limits::kDrainTimeout));
  Status stopped = co_await call.services.fleet.stop(model, deadline);
  if (!stopped) co_return stopped;
  const json::object out{{"stopped", model}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> reload_keys(Call& call) {
  // Shared: the work goes on when the client leaves in the middle of it.
  auto reloaded = std::make_shared<Status>();
  std::function<void()> work = [reloaded, &keys = call.services.keys] {
    *reloaded = keys.reload();
  };
  co_await call.services.blocking.run(std::move(work));
  if (!*reloaded) co_return *reloaded;
  std::string body = R"({"reloaded":true})";
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

}  // namespace xc::gateway
