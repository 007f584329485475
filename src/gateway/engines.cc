#include "gateway/engines.h"

#include <boost/json/parse.hpp>
#include <utility>

#include "base/limits.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

constexpr std::size_t kAnswerBytesMax = 4u << 20;  // a view of kSequencesMax and a full queue

Task<Result<std::string>> ask(Call& call, const net::Origin& origin, std::string target,
                              Deadline deadline) {
  net::ClientRequest request;
  request.target = std::move(target);
  auto reply = co_await call.services.client.send(origin, std::move(request), deadline);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await (*reply)->read_all(kAnswerBytesMax, deadline);
  const int status = (*reply)->status();
  if (body && status != 200) co_return std::unexpected(schema::parse_error(status, *body));
  co_return body;
}

void put_number(EngineNumbers& out, std::string name, const json::value& value) {
  if (!value.is_number()) return;
  out[std::move(name)] = value.to_number<double>();
}

}  // namespace

Task<std::vector<EngineReport>> ask_engines(Call& call, std::string target) {
  std::vector<EngineReport> reports;
  const std::vector<fleet::Endpoint> endpoints = call.services.fleet.ready();
  for (const fleet::Endpoint& endpoint : endpoints) {
    const Deadline patience = Deadline::after(limits::kWorkerAnswerTimeout);
    const Deadline deadline = call.deadline.sooner(patience);
    Result<std::string> json = co_await ask(call, endpoint.origin, target, deadline);
    reports.push_back({endpoint.model, endpoint.pid, std::move(json)});
  }
  co_return reports;
}

EngineNumbers numbers_of(std::string_view text) {
  EngineNumbers numbers;
  boost::system::error_code error;
  const json::value document = json::parse(text, error);
  const json::object* object = error ? nullptr : document.if_object();
  if (object == nullptr) return numbers;
  for (const auto& [name, value] : *object) {
    put_number(numbers, std::string(name), value);
    const json::array* items = value.if_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
      put_number(numbers, std::string(name) + "." + std::to_string(i), (*items)[i]);
    }
  }
  return numbers;
}

}  // namespace xc::gateway
