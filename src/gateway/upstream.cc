#include "gateway/upstream.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "gateway/endpoint_call.h"
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

// To a worker. Made from nothing but the call: what a caller writes into headers of these names
// goes no further. `left_over`: what another worker left of the answer, or empty. It goes before
// the question.
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
  pass_trace(call, true, request.headers);
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

// The head of a worker's reply that says 200; else its error.
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

// The same of an endpoint, which hears of it in its breaker.
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

Deadline start_by(const Call& call, const Seat& seat) {
  return seat.endpoint() == nullptr ? call.deadline : start_deadline(*seat.endpoint(), call);
}

Task<Result<Reply>> send(Call& call, const Ask& ask, const Seat& seat, Deadline by) {
  if (seat.endpoint() != nullptr) return send_to_endpoint(call, ask, seat, by);
  return send_to_worker(call, ask, seat.lease(), {});
}

Task<Result<std::string>> try_whole(Call& call, const Ask& ask, Seat seat,
                                    const WholeCheck& check) {
  const ops::Trace::Stage stage = call.trace.stage("ask", ops::Span::Kind::Client);
  const Deadline by = start_by(call, seat);
  fleet::EndpointUse* const endpoint = seat.endpoint();
  Result<Reply> reply = co_await send(call, ask, seat, by);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await (*reply)->read_all(limits::kReplyBytesMax, by);
  if (endpoint == nullptr) {
    if (!body) co_return std::unexpected(told(std::move(body.error())));
    co_return body;
  }
  if (!body) co_return std::unexpected(failure_of(*endpoint, call, std::move(body.error())));
  Status good = check(*body);
  if (!good) co_return std::unexpected(failure_of(*endpoint, call, std::move(good.error())));
  endpoint->end(fleet::Outcome::Done);
  co_return body;
}

// Where the request goes after `error` at a place; nothing: the error is the answer. A worker that
// was lost is followed by another of its kind, once; all else by the next place of the pools.
Task<std::optional<Seat>> next_seat(Call& call, Reservation& reservation, const Ask& ask,
                                    bool was_worker, bool& worker_again, const Error& error) {
  const bool again = was_worker && was_lost(error) && !worker_again;
  const bool moves = call.course && (was_worker ? was_lost(error) : may_move(error));
  if (!again && !moves) co_return std::nullopt;
  log::warn("gateway", "{}: the {} before anything went out; asking once more ({})",
            call.request_id, was_worker ? "worker ended" : "endpoint failed", error.detail);
  call.metrics.upstream_retried();
  if (again) {
    worker_again = true;
    co_await net::sleep_for(limits::kUpstreamRetryDelay);
    const std::string& name = call.worker_model.empty() ? ask.model : call.worker_model;
    Result<Seat> seat = co_await route_to_worker(call, reservation, name);
    if (seat) co_return std::move(*seat);
    co_return std::nullopt;
  }
  Result<Seat> seat = co_await route(call, reservation, ask);
  if (seat) co_return std::move(*seat);
  co_return std::nullopt;
}

}  // namespace

Generation::Generation(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                       Seat seat, std::unique_ptr<net::ClientReply> reply, Deadline start_by)
    : call_(&call),
      reservation_(&reservation),
      ask_(&ask),
      parser_(parser),
      seat_(std::move(seat)),
      reply_(std::move(reply)),
      read_by_(start_by) {}

std::string Generation::digest() const {
  return std::string(reply_->headers().get("X-Xingcha-Digest"));
}

schema::Usage Generation::prompt() const {
  schema::Usage usage;
  if (seat_ && seat_->endpoint() != nullptr) return usage;
  usage.prompt_tokens = number_in(reply_->headers(), "X-Xingcha-Prompt-Tokens");
  usage.cached_tokens = number_in(reply_->headers(), "X-Xingcha-Cached-Tokens");
  return usage;
}

std::optional<bool> Generation::take_ready(std::vector<schema::Delta>& out) {
  out.clear();
  if (prefetched_.empty()) return done_ && !failure_ ? std::optional(false) : std::nullopt;
  out.swap(prefetched_);
  return true;
}

Task<Result<bool>> Generation::next(std::vector<schema::Delta>& out) {
  out.clear();
  return pull(out);
}

// What the worker or endpoint says next; an endpoint's breaker hears how that went.
Task<Result<bool>> Generation::pull(std::vector<schema::Delta>& out) {
  fleet::EndpointUse* const endpoint = seat_ ? seat_->endpoint() : nullptr;
  if (endpoint == nullptr) return read(out);
  return read_from(*endpoint, out);
}

Task<Result<bool>> Generation::read_from(fleet::EndpointUse& endpoint,
                                         std::vector<schema::Delta>& out) {
  const std::string_view type = reply_->headers().get("Content-Type");
  const bool whole = !done_ && type.starts_with("application/json");
  Task<Result<bool>> reading = whole ? read_whole(out) : read(out);
  Result<bool> more = co_await std::move(reading);
  if (!more) co_return std::unexpected(failure_of(endpoint, *call_, std::move(more.error())));
  if (*more) endpoint.answered();
  if (done_) endpoint.end(fleet::Outcome::Done);
  read_by_ = stall_deadline(endpoint, *call_);
  co_return more;
}

// Some endpoints do not stream, and some say 200 and then what went wrong.
Task<Result<bool>> Generation::read_whole(std::vector<schema::Delta>& out) {
  Result<std::string> body = co_await reply_->read_all(limits::kReplyBytesMax, read_by_);
  if (!body) co_return std::unexpected(told(std::move(body.error())));
  Result<std::vector<schema::Delta>> deltas = parser_(*body);
  if (!deltas) co_return std::unexpected(std::move(deltas.error()));
  out = std::move(*deltas);
  done_ = true;
  if (out.empty()) co_return fail(Code::Upstream, Message::WorkerLost, {}, "an empty answer");
  co_return true;
}

Task<Result<bool>> Generation::read(std::vector<schema::Delta>& out) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (done_) co_return false;
    if (handover_) {
      Status gone_on = co_await go_on();
      if (!gone_on) co_return std::unexpected(std::move(gone_on.error()));
    }
    bytes_.clear();
    Result<bool> more = co_await reply_->read_some(bytes_, read_by_);
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
  const bool from_worker = seat_ && seat_->endpoint() == nullptr;
  while (std::optional<net::SseEvent> event = reader_.next()) {
    if (event->data == "[DONE]") {
      done_ = true;
      return;
    }
    if (from_worker && event->event == "handover") {
      handover_ = std::move(event->data);
      return;
    }
    Result<std::vector<schema::Delta>> deltas = parser_(event->data);
    if (!deltas) {
      failure_ = std::move(deltas.error());
      return;
    }
    if (out.empty()) {
      out = std::move(*deltas);
      continue;
    }
    std::ranges::move(*deltas, std::back_inserter(out));
  }
}

// Asks the next worker to go on where the last one left. Waits for it as for a model that loads;
// one that is lost before it began leaves the answer where it was, so another is asked.
Task<Status> Generation::go_on() {
  const std::string left_over = std::move(*handover_);
  handover_.reset();
  reply_.reset();
  const std::string model = seat_->model();
  seat_.reset();  // before the wait: the old worker may be waiting for it to end
  reader_ = {};
  call_->metrics.handed_over();
  log::info("gateway", "{}: the worker hands over; waiting for the next", call_->request_id);
  Error lost{Code::Upstream, Message::WorkerLost, {}, "handed over too often", {}, 0};
  for (int tries = 0; handovers_ < limits::kHandoversMax; ++tries) {
    ++handovers_;
    if (tries > 0) co_await net::sleep_for(limits::kHandoverRetryDelay * tries);
    Result<Seat> seat = co_await route_to_worker(*call_, *reservation_, model);
    if (!seat) co_return std::unexpected(std::move(seat.error()));
    Result<Reply> reply = co_await send_to_worker(*call_, *ask_, seat->lease(), left_over);
    if (reply) {
      seat_ = std::move(*seat);
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

Task<Result<std::unique_ptr<Generation>>> start(Call& call, Reservation& reservation,
                                                const Ask& ask, ChunkParser parser, Seat seat) {
  bool worker_again = false;
  for (;;) {
    const bool worker = seat.endpoint() == nullptr;
    Error failure;
    {  // the place is given back before another is looked for
      ops::Trace::Stage stage = call.trace.stage("start", ops::Span::Kind::Client);
      Seat here = std::move(seat);
      const Deadline by = start_by(call, here);
      Result<Reply> reply = co_await send(call, ask, here, by);
      if (reply) {
        auto generation = std::make_unique<Generation>(call, reservation, ask, parser,
                                                       std::move(here), std::move(*reply), by);
        Result<bool> begun = co_await generation->prefetch();
        if (begun) co_return std::move(generation);
        failure = std::move(begun.error());
      } else {
        stage.fail();
        failure = std::move(reply.error());
      }
    }
    std::optional<Seat> next =
        co_await next_seat(call, reservation, ask, worker, worker_again, failure);
    if (!next) co_return std::unexpected(std::move(failure));
    seat = std::move(*next);
  }
}

void Generation::abandon() {
  reply_.reset();
  seat_.reset();
}

Task<Result<std::unique_ptr<Generation>>> start_over(Call& call, Reservation& reservation,
                                                     const Ask& ask, ChunkParser parser,
                                                     Generation& broken, Error error) {
  const bool endpoint = broken.from_endpoint();
  broken.abandon();
  if (!endpoint) co_return std::unexpected(std::move(error));
  bool worker_again = true;  // no worker was lost, so none is looked for
  std::optional<Seat> next = co_await next_seat(call, reservation, ask, false, worker_again, error);
  if (!next) co_return std::unexpected(std::move(error));
  Result<std::unique_ptr<Generation>> generation =
      co_await start(call, reservation, ask, parser, std::move(*next));
  co_return generation;
}

Task<Result<std::string>> ask_whole(Call& call, Reservation& reservation, const Ask& ask, Seat seat,
                                    const WholeCheck& check) {
  bool worker_again = false;
  for (;;) {
    const bool worker = seat.endpoint() == nullptr;
    Result<std::string> body = co_await try_whole(call, ask, std::move(seat), check);
    if (body) co_return body;
    std::optional<Seat> next =
        co_await next_seat(call, reservation, ask, worker, worker_again, body.error());
    if (!next) co_return body;
    seat = std::move(*next);
  }
}

}  // namespace xc::gateway
