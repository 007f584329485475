#include "gateway/models.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include <algorithm>
#include <utility>

namespace xc::gateway {
namespace {

namespace json = boost::json;

// Backing off is loading to a caller: it will be tried again by itself.
std::string_view state_text(fleet::State state) {
  switch (state) {
    case fleet::State::Available:
      return "available";
    case fleet::State::Loading:
      return "loading";
    case fleet::State::BackingOff:
      return "loading";
    case fleet::State::Ready:
      return "ready";
    case fleet::State::Draining:
      return "draining";
    case fleet::State::Failed:
      return "failed";
  }
  return "failed";
}

json::object render_model(const ModelRow& row, const std::vector<fleet::ModelStatus>& workers) {
  const auto worker = std::ranges::find(workers, row.parent.empty() ? row.name : row.parent,
                                        &fleet::ModelStatus::name);
  const bool known = worker != workers.end();
  json::object about;
  about["state"] = state_text(known ? worker->state : fleet::State::Available);
  if (known && !worker->reason.empty()) about["reason"] = worker->reason;
  about["context"] = known && worker->context > 0 ? worker->context : row.context;
  about["capabilities"] = json::value_from(row.capabilities);
  about["bytes"] = row.bytes;
  about["family"] = row.family;
  about["quantization"] = row.quantization;
  about["licence"] = row.licence;
  about["service_id"] = row.service_id();
  about["aliases"] = json::value_from(row.aliases);
  json::object model{{"id", row.name},
                     {"object", "model"},
                     {"created", row.created_unix},
                     {"owned_by", "xingcha"},
                     {"xingcha", std::move(about)}};
  if (!row.parent.empty()) model["parent"] = row.parent;
  return model;
}

}  // namespace

Task<Status> list_models(Call& call) {
  const std::vector<fleet::ModelStatus> workers = call.services.fleet.status();
  json::array data;
  const ModelRows rows = call.services.models();
  for (const ModelRow& row : *rows) {
    if (may_use(call.caller, row)) data.push_back(render_model(row, workers));
  }
  const json::object list{{"object", "list"}, {"data", std::move(data)}};
  std::string body = json::serialize(list);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> show_model(Call& call) {
  Result<SharedRow> row = allowed_model(call, call.parameter);
  if (!row) co_return std::unexpected(std::move(row.error()));
  call.audit.model((*row)->name);
  std::string body = json::serialize(render_model(**row, call.services.fleet.status()));
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

}  // namespace xc::gateway
