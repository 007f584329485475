#include "gateway/upstream.h"

#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "gateway/endpoint_call.h"
#include "gateway/send.h"

namespace xc::gateway {
namespace {

Deadline start_by(const Call& call, const Seat& seat) {
  return seat.endpoint() == nullptr ? call.deadline : start_deadline(*seat.endpoint(), call);
}

Task<Result<Reply>> send(Call& call, const Ask& ask, const Seat& seat, Deadline by) {
  if (seat.endpoint() != nullptr) return send_to_endpoint(call, ask, seat, by);
  return send_to_worker(call, ask, seat.lease(), {});
}

Task<Result<Generation>> try_start(Call& call, Reservation& reservation, const Ask& ask,
                                   ChunkParser parser, Seat seat) {
  ops::Trace::Stage stage = call.trace.stage("start", ops::Span::Kind::Client);
  const Deadline by = start_by(call, seat);
  Result<Reply> reply = co_await send(call, ask, seat, by);
  if (!reply) stage.fail();
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Generation generation(call, reservation, ask, parser, std::move(seat), std::move(*reply), by);
  Status begun = co_await generation.prefetch();
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  co_return generation;
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

Task<Result<Generation>> start(Call& call, Reservation& reservation, const Ask& ask,
                               ChunkParser parser, Seat seat) {
  bool worker_again = false;
  for (;;) {
    const bool worker = seat.endpoint() == nullptr;
    Result<Generation> generation =
        co_await try_start(call, reservation, ask, parser, std::move(seat));
    if (generation) co_return generation;
    std::optional<Seat> next =
        co_await next_seat(call, reservation, ask, worker, worker_again, generation.error());
    if (!next) co_return generation;
    seat = std::move(*next);
  }
}

Task<Result<Generation>> start_over(Call& call, Reservation& reservation, const Ask& ask,
                                    ChunkParser parser, Generation& broken, Error error) {
  const bool endpoint = broken.from_endpoint();
  broken.abandon();
  if (!endpoint) co_return std::unexpected(std::move(error));
  bool worker_again = true;  // no worker was lost, so none is looked for
  std::optional<Seat> next = co_await next_seat(call, reservation, ask, false, worker_again, error);
  if (!next) co_return std::unexpected(std::move(error));
  Result<Generation> generation = co_await start(call, reservation, ask, parser, std::move(*next));
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
