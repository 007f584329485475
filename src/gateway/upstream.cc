#include "gateway/upstream.h"

#include <functional>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "gateway/endpoint_call.h"
#include "gateway/send.h"
#include "net/race.h"

namespace xc::gateway {
namespace {

Deadline start_by(const Call& call, const Seat& seat) {
  return seat.endpoint() == nullptr ? call.deadline : start_deadline(*seat.endpoint(), call);
}

Task<Result<Reply>> send(Call& call, const Ask& ask, const Seat& seat, Deadline by) {
  if (seat.endpoint() != nullptr) return send_to_endpoint(call, ask, seat, by);
  return send_to_worker(call, ask, seat.lease(), {});
}

// Waits for the first token. What lives in here may outlive the call by nothing but destructors
// that touch nothing of it (net/race.h).
Task<Begun> begin_at(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                     Seat seat) {
  const Deadline by = start_by(call, seat);
  Result<Reply> reply = co_await send(call, ask, seat, by);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  auto generation = std::make_unique<Generation>(call, reservation, ask, parser, std::move(seat),
                                                 std::move(*reply), by);
  Result<bool> begun = co_await generation->prefetch();
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  co_return std::move(generation);
}

// A request at two endpoints of a pool.
struct Hedge {
  std::optional<Begun> first, second;
  bool asked = false;  // the second
  std::optional<Begun>* winner = nullptr;

  // Without a second the first one's failure ends the race: there are other ways to go on.
  bool decided() const { return winner != nullptr || (first && !asked); }
  void ended(std::optional<Begun>& one) {
    // What is the caller's mistake at one would be theirs at the other too.
    const bool decides = one->has_value() || !may_move(one->error());
    if (winner == nullptr && decides) winner = &one;
  }
};

Task<void> begin_second(Hedge& hedge, Call& call, Reservation& reservation, const Ask& ask,
                        ChunkParser parser, int after_ms, fleet::Sibling place) {
  co_await net::sleep_for(std::chrono::milliseconds(after_ms));
  Result<Seat> seat = route_to_sibling(call, reservation, ask, place);
  if (!seat) co_return;
  hedge.asked = true;
  log::info("gateway", "{}: no token yet; {} is asked too", call.request_id,
            seat->endpoint()->row().name);
  hedge.second = co_await begin_at(call, reservation, ask, parser, std::move(*seat));
  hedge.ended(hedge.second);
}

Task<void> begin_first(Hedge& hedge, Call& call, Reservation& reservation, const Ask& ask,
                       ChunkParser parser, Seat& seat) {
  hedge.first = co_await begin_at(call, reservation, ask, parser, std::move(seat));
  hedge.ended(hedge.first);
}

Task<Begun> begin_hedged(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                         Seat seat) {
  Hedge hedge;
  const int after_ms = seat.hedge_ms();
  const std::string pool = seat.endpoint()->row().pool;
  const std::string model = seat.model();
  const fleet::Sibling place{pool, model, false};
  std::function<Task<void>()> first = [&] {
    return begin_first(hedge, call, reservation, ask, parser, seat);
  };
  std::function<Task<void>()> second = [&] {
    return begin_second(hedge, call, reservation, ask, parser, after_ms, place);
  };
  std::function<bool()> decided = [&hedge] { return hedge.decided(); };
  Task<void> both = net::run_both(std::move(first), std::move(second), std::move(decided));
  co_await std::move(both);
  if (hedge.asked) call.metrics.hedged(hedge.winner == &hedge.second);
  if (hedge.winner == nullptr) co_return std::move(hedge.second ? *hedge.second : *hedge.first);
  if (!**hedge.winner) co_return std::move(**hedge.winner);
  const fleet::EndpointUse* const endpoint = (**hedge.winner).value()->endpoint();
  if (endpoint != nullptr) call.audit.place(pool, endpoint->row().name);
  co_return std::move(**hedge.winner);
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

Task<Begun> start(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                  Seat seat) {
  bool worker_again = false;
  for (;;) {
    const bool worker = seat.endpoint() == nullptr;
    const bool hedged = !worker && seat.hedge_ms() > 0;
    std::optional<Begun> begun;
    {  // the place is given back before another is looked for
      ops::Trace::Stage stage = call.trace.stage("start", ops::Span::Kind::Client);
      Task<Begun> beginning = hedged
                                  ? begin_hedged(call, reservation, ask, parser, std::move(seat))
                                  : begin_at(call, reservation, ask, parser, std::move(seat));
      begun = co_await std::move(beginning);
      if (!*begun) stage.fail();
    }
    if (*begun) co_return std::move(*begun);
    std::optional<Seat> next =
        co_await next_seat(call, reservation, ask, worker, worker_again, begun->error());
    if (!next) co_return std::move(*begun);
    seat = std::move(*next);
  }
}

Task<Begun> start_over(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                       Generation& broken, Error error) {
  const bool endpoint = broken.from_endpoint();
  broken.abandon();
  if (!endpoint) co_return std::unexpected(std::move(error));
  bool worker_again = true;  // no worker was lost, so none is looked for
  std::optional<Seat> next = co_await next_seat(call, reservation, ask, false, worker_again, error);
  if (!next) co_return std::unexpected(std::move(error));
  co_return co_await start(call, reservation, ask, parser, std::move(*next));
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
