#include "app/running_models.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/limits.h"

namespace xc::app {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::int64_t> number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  boost::system::error_code failed;
  const auto number = value->to_number<std::int64_t>(failed);
  return failed ? std::nullopt : std::optional(number);
}

RunningModel model_of(const json::object& object) {
  RunningModel model;
  model.name = text_at(object, "model");
  model.state = text_at(object, "state");
  model.reason = text_at(object, "reason");
  model.pid = static_cast<int>(number_at(object, "pid").value_or(0));
  model.in_flight = static_cast<int>(number_at(object, "in_flight").value_or(0));
  model.restarts = static_cast<int>(number_at(object, "restarts").value_or(0));
  model.context = static_cast<int>(number_at(object, "context").value_or(0));
  model.resident_bytes =
      static_cast<std::uint64_t>(number_at(object, "resident_bytes").value_or(0));
  model.started_unix_ms = number_at(object, "started_unix_ms").value_or(0);
  model.expires_unix_ms = number_at(object, "expires_unix_ms");
  return model;
}

}  // namespace

Result<std::vector<RunningModel>> parse_running_models(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  const json::value* list =
      !failed && value.is_object() ? value.get_object().if_contains("workers") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return fail(Code::Upstream, Message::UpstreamFailed, {"/admin/workers"}, std::string(text));
  }
  std::vector<RunningModel> models;
  for (const json::value& item : list->get_array()) {
    if (item.is_object()) models.push_back(model_of(item.get_object()));
  }
  return models;
}

Result<std::vector<RunningModel>> running_models(const ApiClient& api) {
  XC_TRY(const std::string body, api.call("GET", "/admin/workers"));
  return parse_running_models(body);
}

Status stop_model(const ApiClient& api, const std::string& name) {
  const std::string target = "/admin/workers/" + path_escaped(name) + "/stop";
  XC_CHECK(api.call("POST", target, "{}", limits::kDrainTimeout * 2));
  return {};
}

Status restart_model(const ApiClient& api, const std::string& name) {
  const std::string target = "/admin/models/" + path_escaped(name) + "/restart";
  XC_CHECK(api.call("POST", target, "{}", limits::kDrainTimeout * 2 + limits::kWorkerStartTimeout));
  return {};
}

}  // namespace xc::app
