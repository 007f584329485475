#include "gateway/upstream.h"

#include <charconv>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

// What the client says about the connection, as the caller shall hear it.
Error told(Error error) {
  if (error.code != Code::Upstream) return error;
  return Error{Code::Upstream, Message::WorkerLost, {}, std::move(error.detail), {}, 0};
}

// A worker died, or is on its way out and did not begin.
bool was_lost(const Error& error) {
  return error.message == Message::WorkerLost || error.message == Message::ShuttingDown;
}

// Made from nothing but the call: what a caller writes into headers of these names goes no further.
// `left_over`: what another worker left of the answer, or empty. It goes before the question.
net::ClientRequest request_for(const Call& call, const Ask& ask, const std::string& left_over) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      call.deadline.when() - call.services.clock.now());
  net::ClientRequest request;
  request.method = "POST";
  request.target = ask.target;
  request.body = left_over + ask.body;
  if (!left_over.empty()) {
    request.headers.set("X-Xingcha-Resume", std::to_string(left_over.size()));
  }
  request.headers.set("Content-Type", "application/json");
  request.headers.set("X-Xingcha-Request", call.request_id);
  if (std::string parent = call.trace.traceparent(); !parent.empty()) {
    request.headers.set("traceparent", std::move(parent));
    if (!call.trace.tracestate().empty()) {
      request.headers.set("tracestate", call.trace.tracestate());
    }
  }
  request.headers.set("X-Xingcha-Tenant", call.caller.tenant);
  request.headers.set("X-Xingcha-Key", call.caller.key_id);
  request.headers.set("X-Xingcha-Priority", std::to_string(static_cast<int>(call.priority)));
  request.headers.set("X-Xingcha-Deadline",
                      std::to_string(std::max<std::int64_t>(left.count(), 1)));
  return request;
}

// A header's whole number from 0; 0 when there is none.
int number_in(const net::Headers& headers, std::string_view name) {
  const std::string_view text = headers.get(name);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::max(number, 0);
}

using Reply = std::unique_ptr<net::ClientReply>;

// The head of a reply that says 200; else the endpoint's error.
Task<Result<Reply>> send(Call& call, const Ask& ask, const fleet::Lease& lease,
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

Task<Result<Generation>> try_start(Call& call, Reservation& reservation, const Ask& ask,
                                   ChunkParser parser, fleet::Lease lease) {
  ops::Trace::Stage stage = call.trace.stage("start", ops::Span::Kind::Client);
  std::string nothing;
  Result<Reply> reply = co_await send(call, ask, lease, nothing);
  if (!reply) stage.fail();
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Generation generation(call, reservation, ask, parser, std::move(lease), std::move(*reply));
  Status begun = co_await generation.prefetch();
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  co_return generation;
}

Task<Result<std::string>> try_whole(Call& call, const Ask& ask, fleet::Lease lease) {
  const ops::Trace::Stage stage = call.trace.stage("ask", ops::Span::Kind::Client);
  std::string nothing;
  Result<Reply> reply = co_await send(call, ask, lease, nothing);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await (*reply)->read_all(limits::kReplyBytesMax, call.deadline);
  if (!body) co_return std::unexpected(told(std::move(body.error())));
  co_return body;
}

// A worker for the second try, after the first was lost.
Task<Result<fleet::Lease>> route_again(Call& call, Reservation& reservation, const Ask& ask) {
  log::warn("gateway", "{}: the worker ended before its first token; asking once more",
            call.request_id);
  call.metrics.upstream_retried();
  co_await net::sleep_for(limits::kUpstreamRetryDelay);
  Result<fleet::Lease> lease = co_await route(call, reservation, ask.model);
  co_return lease;
}

}  // namespace

Generation::Generation(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                       fleet::Lease lease, std::unique_ptr<net::ClientReply> reply)
    : call_(&call),
      reservation_(&reservation),
      ask_(&ask),
      parser_(parser),
      lease_(std::move(lease)),
      reply_(std::move(reply)) {}

std::string Generation::digest() const {
  return std::string(reply_->headers().get("X-Xingcha-Digest"));
}

schema::Usage Generation::prompt() const {
  schema::Usage usage;
  usage.prompt_tokens = number_in(reply_->headers(), "X-Xingcha-Prompt-Tokens");
  usage.cached_tokens = number_in(reply_->headers(), "X-Xingcha-Cached-Tokens");
  return usage;
}

Task<Status> Generation::prefetch() {
  Result<bool> some = co_await pull(prefetched_);
  if (!some) co_return std::unexpected(std::move(some.error()));
  co_return Status();
}

Task<Result<bool>> Generation::next(std::vector<schema::Delta>& out) {
  out.clear();
  if (!prefetched_.empty()) {
    out.swap(prefetched_);
    co_return true;
  }
  Result<bool> more = co_await pull(out);
  co_return more;
}

Task<Result<bool>> Generation::pull(std::vector<schema::Delta>& out) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (done_) co_return false;
    if (handover_) {
      Status gone_on = co_await go_on();
      if (!gone_on) co_return std::unexpected(std::move(gone_on.error()));
    }
    bytes_.clear();
    Result<bool> more = co_await reply_->read_some(bytes_, call_->deadline);
    if (!more) co_return std::unexpected(told(std::move(more.error())));
    Status fed = reader_.feed(bytes_);
    if (!fed) co_return std::unexpected(std::move(fed.error()));
    take_events(out);
    if (!*more && !done_ && !failure_ && !handover_) {
      failure_ = Error{Code::Upstream, Message::WorkerLost, {}, "stream without [DONE]", {}, 0};
    }
    if (!out.empty()) co_return true;
  }
}

void Generation::take_events(std::vector<schema::Delta>& out) {
  while (std::optional<net::SseEvent> event = reader_.next()) {
    if (event->data == "[DONE]") {
      done_ = true;
      return;
    }
    if (event->event == "handover") {
      handover_ = std::move(event->data);
      return;
    }
    Result<std::vector<schema::Delta>> deltas = parser_(event->data);
    if (!deltas) {
      failure_ = std::move(deltas.error());
      return;
    }
    for (schema::Delta& delta : *deltas) out.push_back(std::move(delta));
  }
}

// Asks the next worker to go on where the last one left. Waits for it as for a model that loads;
// one that is lost before it began leaves the answer where it was, so another is asked.
Task<Status> Generation::go_on() {
  const std::string left_over = std::move(*handover_);
  handover_.reset();
  reply_.reset();
  lease_.reset();  // before the wait: the old worker may be waiting for it to end
  reader_ = {};
  call_->metrics.handed_over();
  log::info("gateway", "{}: the worker hands over; waiting for the next", call_->request_id);
  Error lost{Code::Upstream, Message::WorkerLost, {}, "handed over too often", {}, 0};
  for (int tries = 0; handovers_ < limits::kHandoversMax; ++tries) {
    ++handovers_;
    if (tries > 0) co_await net::sleep_for(limits::kHandoverRetryDelay * tries);
    Result<fleet::Lease> lease = co_await route(*call_, *reservation_, ask_->model);
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    Result<Reply> reply = co_await send(*call_, *ask_, *lease, left_over);
    if (reply) {
      lease_ = std::move(*lease);
      reply_ = std::move(*reply);
      co_return Status();
    }
    lost = std::move(reply.error());
    if (!was_lost(lost)) break;
  }
  co_return std::unexpected(std::move(lost));
}

// The end of the body after [DONE], so that the connection can be kept. The answer is complete
// already: what goes wrong here costs a connection only.
Task<void> Generation::drain() {
  const Deadline soon = call_->deadline.sooner(Deadline::after(limits::kWorkerAnswerTimeout));
  Result<bool> more = true;
  while (more && *more) {
    bytes_.clear();
    more = co_await reply_->read_some(bytes_, soon);
  }
}

Task<Result<Generation>> start(Call& call, Reservation& reservation, const Ask& ask,
                               ChunkParser parser, fleet::Lease lease) {
  Result<Generation> generation =
      co_await try_start(call, reservation, ask, parser, std::move(lease));
  if (generation || !was_lost(generation.error())) co_return generation;
  Result<fleet::Lease> second = co_await route_again(call, reservation, ask);
  if (!second) co_return std::unexpected(std::move(second.error()));
  Result<Generation> again = co_await try_start(call, reservation, ask, parser, std::move(*second));
  co_return again;
}

Task<Result<std::string>> ask_whole(Call& call, Reservation& reservation, const Ask& ask,
                                    fleet::Lease lease) {
  Result<std::string> body = co_await try_whole(call, ask, std::move(lease));
  if (body || !was_lost(body.error())) co_return body;
  Result<fleet::Lease> second = co_await route_again(call, reservation, ask);
  if (!second) co_return std::unexpected(std::move(second.error()));
  Result<std::string> again = co_await try_whole(call, ask, std::move(*second));
  co_return again;
}

}  // namespace xc::gateway
