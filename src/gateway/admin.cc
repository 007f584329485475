#include "gateway/admin.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/limits.h"
#include "gateway/admin_work.h"
#include "gateway/engines.h"

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

// Null when the worker did not answer, or not in JSON.
json::value value_of(const EngineReport& report) {
  if (!report.json) return nullptr;
  boost::system::error_code error;
  json::value value = json::parse(*report.json, error);
  return error ? json::value() : value;
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

Task<Status> show_engines(Call& call) {
  std::vector<EngineReport> stats = co_await ask_engines(call, "/internal/stats");
  std::vector<EngineReport> views = co_await ask_engines(call, "/internal/engine");
  json::array workers;
  for (const EngineReport& report : stats) {
    const auto view = std::ranges::find(views, report.pid, &EngineReport::pid);
    json::object one{{"model", report.model}, {"pid", report.pid}};
    one["stats"] = value_of(report);
    one["engine"] = view == views.end() ? json::value() : value_of(*view);
    workers.push_back(std::move(one));
  }
  const json::object list{{"workers", std::move(workers)}};
  std::string body = json::serialize(list);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> stop_worker(Call& call) {
  const Result<SharedRow> row = model_row(call.services, call.parameter);
  std::string model = row ? (*row)->name : call.parameter;  // a worker may outlive its model's row
  const Deadline deadline = call.deadline.sooner(Deadline::after(limits::kDrainTimeout));
  Status stopped = co_await call.services.fleet.stop(model, deadline);
  if (!stopped) co_return stopped;
  const json::object out{{"stopped", model}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> restart_worker(Call& call) {
  const Result<SharedRow> row = model_row(call.services, call.parameter);
  std::string model = row ? (*row)->name : call.parameter;
  Status restarted = co_await call.services.fleet.restart(model, call.deadline);
  if (!restarted) co_return restarted;
  const json::object out{{"restarted", model}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> reload_keys(Call& call) {
  const Work work = [desk = desk_of(call)]() -> Result<std::string> {
    XC_CHECK(desk.keys.reload());
    XC_CHECK(desk.sessions.reload());
    return R"({"reloaded":true})";
  };
  return answer(call, work);
}

}  // namespace xc::gateway
