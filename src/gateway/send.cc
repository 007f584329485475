#include "gateway/send.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "gateway/endpoint_call.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

// To a worker. Made from nothing but the call: what a caller writes into headers of these names
// goes no further. `left_over`: what another worker left of the answer, or empty. It goes before
// the question.
net::ClientRequest request_for(const Call& call, const Ask& ask, const std::string& left_over) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      call.deadline.when() - call.services.clock.now());
  net::ClientRequest request;
  request.method = "POST";
  request.target = ask.target;
  request.body = left_over;
  request.more_body = ask.body;  // lives as long as the question
  if (!left_over.empty()) {
    request.headers.add("X-Xingcha-Resume", std::to_string(left_over.size()));
  }
  request.headers.add("Content-Type", "application/json");
  request.headers.add("X-Xingcha-Request", call.request_id);
  pass_trace(call, true, request.headers);
  request.headers.add("X-Xingcha-Tenant", call.caller.tenant);
  request.headers.add("X-Xingcha-Key", call.caller.key_id);
  request.headers.add("X-Xingcha-Priority", std::to_string(static_cast<int>(call.priority)));
  request.headers.add("X-Xingcha-Deadline",
                      std::to_string(std::max<std::int64_t>(left.count(), 1)));
  return request;
}

}  // namespace

Error told(Error error) {
  if (error.code != Code::Upstream) return error;
  return Error{Code::Upstream, Message::WorkerLost, {}, std::move(error.detail), {}, 0};
}

bool was_lost(const Error& error) {
  return error.message == Message::WorkerLost || error.message == Message::ShuttingDown;
}

int number_in(const net::Headers& headers, std::string_view name) {
  const std::string_view text = headers.get(name);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::max(number, 0);
}

Task<Result<Reply>> send_to_worker(Call& call, const Ask& ask, const fleet::Lease& lease,
                                   std::string left_over) {
  net::ClientRequest request = request_for(call, ask, left_over);
  if (!lease.adapter().empty()) request.headers.set("X-Xingcha-Adapter", lease.adapter());
  Result<Reply> reply =
      co_await call.services.client.send(lease.origin(), std::move(request), call.deadline);
  if (!reply) co_return std::unexpected(told(std::move(reply.error())));
  if ((*reply)->status() == 200) co_return reply;
  Result<std::string> body = co_await (*reply)->read_all(limits::kReplyBytesMax, call.deadline);
  if (!body) co_return std::unexpected(told(std::move(body.error())));
  Error error = schema::parse_error((*reply)->status(), *body);
  error.retry_after_s = number_in((*reply)->headers(), "Retry-After");
  co_return std::unexpected(std::move(error));
}

Task<Result<Reply>> send_to_endpoint(Call& call, const Ask& ask, const Seat& seat, Deadline by) {
  fleet::EndpointUse& endpoint = *seat.endpoint();
  Result<net::ClientRequest> request = request_to(endpoint, seat.model(), call, ask);
  if (!request) co_return std::unexpected(std::move(request.error()));
  Result<Reply> reply =
      co_await call.services.client.send(endpoint.origin(), std::move(*request), by);
  if (!reply) {
    co_return std::unexpected(failure_of(endpoint, call, std::move(reply.error())));
  }
  if ((*reply)->status() == 200) co_return reply;
  Result<std::string> body = co_await (*reply)->read_all(limits::kReplyBytesMax, by);
  if (!body) co_return std::unexpected(failure_of(endpoint, call, std::move(body.error())));
  co_return std::unexpected(refusal_of(endpoint, (*reply)->status(), (*reply)->headers(), *body));
}

}  // namespace xc::gateway
