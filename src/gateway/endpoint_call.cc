#include "gateway/endpoint_call.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "schema/dialect.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

bool is_callers(Code code) {
  return code == Code::InvalidRequest || code == Code::ContextExceeded || code == Code::TooLarge;
}

// As the caller may hear it: whose key is refused there and what is not found is our affair.
Error for_caller(Error error) {
  if (is_callers(error.code)) return error;
  const Code code = error.code == Code::Unavailable || error.code == Code::RateLimited
                        ? Code::Unavailable
                        : Code::Upstream;
  std::string detail = std::move(error.detail);
  if (detail.empty()) detail = text_of(error, Language::En);
  return Error{code, Message::EndpointLost, {}, std::move(detail), {}, error.retry_after_s};
}

// An endpoint that says our key back must not get it into the log.
std::string without_key(std::string text, const std::string& key) {
  if (key.empty()) return text;
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    text.replace(at, key.size(), "***");
    at += 3;
  }
  return text;
}

void hide_key(Error& error, const std::string& key) {
  error.detail = without_key(std::move(error.detail), key);
  error.param = without_key(std::move(error.param), key);
  for (std::string& arg : error.args) arg = without_key(std::move(arg), key);
}

int seconds_in(const net::Headers& headers) {
  const std::string_view text = headers.get("Retry-After");
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::clamp(number, 0, static_cast<int>(limits::kEndpointRestMax.count()));
}

Deadline within(const Call& call, int ms) {
  return call.deadline.sooner(
      Deadline::at(call.services.clock.now() + std::chrono::milliseconds(ms)));
}

}  // namespace

void pass_trace(const Call& call, bool state, net::Headers& headers) {
  std::string parent = call.trace.traceparent();
  if (parent.empty()) return;
  headers.set("traceparent", parent);
  if (state && !call.trace.tracestate().empty()) {
    headers.set("tracestate", call.trace.tracestate());
  }
}

Result<net::ClientRequest> request_to(const fleet::EndpointUse& endpoint, const std::string& model,
                                      const Call& call, const Ask& ask) {
  const fleet::EndpointRow& row = endpoint.row();
  if (!schema::takes_target(row.vendor, ask.target)) {
    return fail(Code::InvalidRequest, Message::Unsupported,
                {std::string(name_of(row.vendor)) + " " + std::string(ask.target)});
  }
  net::ClientRequest request;
  request.method = "POST";
  request.target = ask.target;
  request.body = schema::body_for(row.vendor, ask.body, model);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "text/event-stream, application/json");
  request.headers.set("X-Request-Id", call.request_id);
  pass_trace(call, row.vendor == schema::Vendor::Xingcha, request.headers);
  if (!row.key.empty()) request.headers.set("Authorization", "Bearer " + row.key);
  if (row.vendor == schema::Vendor::Xingcha) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        call.deadline.when() - call.services.clock.now());
    request.headers.set("X-Xingcha-Deadline",
                        std::to_string(std::max<std::int64_t>(left.count(), 1)));
  }
  return request;
}

Deadline start_deadline(const fleet::EndpointUse& endpoint, const Call& call) {
  return within(call, endpoint.row().start_timeout_ms);
}

Deadline stall_deadline(const fleet::EndpointUse& endpoint, const Call& call) {
  return within(call, endpoint.row().stall_timeout_ms);
}

Error refusal_of(fleet::EndpointUse& endpoint, int status, const net::Headers& headers,
                 std::string_view body) {
  Error error = schema::parse_error(status, body);
  error.retry_after_s = seconds_in(headers);
  hide_key(error, endpoint.row().key);
  // A status of the caller's that says no more than that (a proxy's page) is believed too.
  const bool callers = is_callers(error.code) && status < 500;
  const bool busy = status == 429 || (status == 503 && error.retry_after_s > 0);
  endpoint.end(callers ? fleet::Outcome::Left
               : busy  ? fleet::Outcome::Busy
                       : fleet::Outcome::Failed,
               error.retry_after_s);
  if (!callers && is_callers(error.code)) error.code = Code::Upstream;
  return for_caller(std::move(error));
}

Error failure_of(fleet::EndpointUse& endpoint, const Call& call, Error error) {
  hide_key(error, endpoint.row().key);
  if (call.deadline.passed(call.services.clock.now())) {
    endpoint.end(fleet::Outcome::Left);
    return Error{Code::Timeout, Message::Deadline, {}, std::move(error.detail), {}, 0};
  }
  if (error.code == Code::Cancelled || is_callers(error.code)) {
    endpoint.end(fleet::Outcome::Left);
    return error;
  }
  endpoint.end(fleet::Outcome::Failed);
  return for_caller(std::move(error));
}

bool may_move(const Error& error) {
  return error.code == Code::Upstream || error.code == Code::Unavailable;
}

}  // namespace xc::gateway
