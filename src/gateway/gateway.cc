#include "gateway/gateway.h"

#include <atomic>
#include <utility>

#include "base/limits.h"
#include "gateway/access.h"
#include "gateway/audit.h"
#include "gateway/books.h"
#include "gateway/call.h"
#include "gateway/console_files.h"
#include "gateway/metrics.h"
#include "gateway/operations.h"
#include "gateway/router.h"

namespace xc::gateway {

struct Gateway::Parts {
  explicit Parts(Services s) : services(std::move(s)), metrics(services.version) {}

  // Who calls, whether they may, and on what terms. Error: as the caller shall hear it.
  Status let_in(Call& call, const Match& match);
  // What answers the address; `match` outlives it.
  Task<Status> serve(Call& call, const Match& match);

  const Services services;
  Metrics metrics;
  const net::Server* server = nullptr;
  std::atomic<bool> shutting_down{false};
};

namespace {

// OPTIONS: what the address takes. (No CORS: the console is of the same origin.)
Task<Status> reply_options(Call& call, std::string allowed) {
  call.exchange.reply_headers().set("Allow", allowed);
  call.audit.outcome(204);
  Status replied = co_await call.exchange.reply(204, {}, {});
  co_return replied;
}

// No row: one of the console's files, another method's address, or nothing.
Task<Status> serve_unmatched(Call& call, std::string allowed) {
  const net::Request& request = call.request();
  if (!allowed.empty()) {
    call.exchange.reply_headers().set("Allow", allowed);
    co_return fail(Code::MethodNotAllowed, Message::BadMethod,
                   {request.method, request.path, std::move(allowed)});
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const console::Asset* file = reads ? console::find_asset(request.path) : nullptr;
  if (file == nullptr) {
    co_return fail(Code::NotFound, Message::NoRoute, {request.method, request.path});
  }
  Status served = co_await serve_console_file(call, *file);
  co_return served;
}

// What an administrator changes is recorded before it happens.
bool is_change(const net::Request& request, const Match& match) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return match.route != nullptr && match.route->needs_key && !reads &&
         match.route->pattern.starts_with("/admin/");
}

// The path for a record: of bounded length, and ASCII.
std::string printable(std::string_view path) {
  std::string text(path.substr(0, limits::kAuditTargetBytesMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return text;
}

AuditEntry::Subject subject_of(const net::Request& request, const Match& match,
                               std::string request_id) {
  AuditEntry::Subject subject;
  subject.method = request.method;
  subject.route = match.route == nullptr ? "unmatched" : match.route->pattern;
  subject.request_id = std::move(request_id);
  subject.quiet = match.route == nullptr || !match.route->needs_key;
  subject.source = request.peer;
  if (is_change(request, match)) subject.target = printable(request.path);
  return subject;
}

ops::Trace trace_of(const net::Request& request, const Services& services) {
  ops::SpanSink* sink = services.operations == nullptr ? nullptr : services.operations->traces;
  const std::string_view parent = request.headers.get("traceparent");
  if (sink == nullptr && parent.empty()) return {};
  return ops::Trace(sink, services.clock, services.random, parent,
                    request.headers.get("tracestate"));
}

// Ends the trace when the request's coroutine does, however it does. No prompt, no answer.
struct TraceEnd {
  Call& call;
  ~TraceEnd() {
    if (!call.trace.recording()) return;
    const AuditEntry& audit = call.audit;
    const std::string route(audit.route());
    std::vector<std::pair<std::string, std::string>> texts{
        {"http.request.method", call.request().method},
        {"http.route", route},
        {"xingcha.request_id", call.request_id}};
    std::vector<std::pair<std::string, std::int64_t>> numbers{
        {"http.response.status_code", audit.status()}};
    if (!audit.tenant().empty()) texts.emplace_back("xingcha.tenant", audit.tenant());
    if (!audit.model().empty()) texts.emplace_back("gen_ai.request.model", audit.model());
    if (audit.spent()) {
      numbers.emplace_back("gen_ai.usage.input_tokens", audit.spent()->tokens.prompt);
      numbers.emplace_back("gen_ai.usage.output_tokens", audit.spent()->tokens.completion);
    }
    call.trace.end(call.request().method + " " + route, audit.status(), std::move(texts),
                   std::move(numbers));
  }
};

// The door: one request from its head to its audit record. Owns what the request needs, so that a
// coroutine that is cancelled late finds everything in place.
Task<void> open_door(std::shared_ptr<Gateway::Parts> parts, net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  const Match match = match_route(request.method, request.path);
  std::string request_id = request_id_of(request, parts->services.random);
  AuditEntry audit(parts->metrics, parts->services.books, parts->services.clock,
                   subject_of(request, match, request_id));
  Call call{parts->services, parts->metrics, exchange, audit};
  call.request_id = std::move(request_id);
  call.shape = shape_of(request.path);
  call.language = language_of(request.headers.get("Accept-Language"));
  call.trace = trace_of(request, parts->services);
  const TraceEnd trace_end{call};
  exchange.reply_headers().set("X-Request-Id", call.request_id);
  if (call.shape == Shape::Anthropic) exchange.reply_headers().set("request-id", call.request_id);
  Status served;
  if (match.route != nullptr) served = parts->let_in(call, match);
  if (served) served = co_await parts->serve(call, match);
  // In mid-stream there is nothing left to say: the client is gone.
  if (served || exchange.started()) co_return;
  Status told = co_await reply_error(call, std::move(served.error()));
  static_cast<void>(told);
}

}  // namespace

Status Gateway::Parts::let_in(Call& call, const Match& match) {
  if (match.route->needs_key) {
    XC_TRY(call.caller, caller_of(call.request(), services));
    call.audit.caller(call.caller);
    XC_CHECK(check_access(*match.route, call.caller));
  }
  call.parameter = match.parameter;
  XC_TRY(const Terms terms, terms_of(call.request(), services.clock.unix_ms()));
  call.deadline_ms = terms.deadline_ms;
  call.deadline = Deadline::at(call.audit.begun() + std::chrono::milliseconds(call.deadline_ms));
  call.priority = terms.priority;
  call.shutting_down = shutting_down;
  if (server != nullptr) call.connections = server->counters();
  return is_change(call.request(), match) ? call.audit.admit_change() : Status();
}

Task<Status> Gateway::Parts::serve(Call& call, const Match& match) {
  if (call.request().method == "OPTIONS" && !match.allowed.empty()) {
    return reply_options(call, match.allowed);
  }
  if (match.route == nullptr) return serve_unmatched(call, match.allowed);
  return match.route->handler(call);
}

Gateway::Gateway(Services services) : parts_(std::make_shared<Parts>(std::move(services))) {}
Gateway::~Gateway() = default;

net::Handler Gateway::handler() {
  return [parts = parts_](net::Exchange& exchange) { return open_door(parts, exchange); };
}

net::ErrorRenderer Gateway::error_renderer() {
  return [](const Error& error, std::string_view path, std::string_view accept_language) {
    const Language language = language_of(accept_language);
    return net::ErrorReply{"application/json", render_error(shape_of(path), error, language, {})};
  };
}

void Gateway::watch(const net::Server& server) { parts_->server = &server; }
void Gateway::begin_shutdown() { parts_->shutting_down = true; }

}  // namespace xc::gateway
