// The stage that finds a request its place.
#include <optional>
#include <utility>

#include "gateway/books.h"
#include "gateway/stages.h"
#include "gateway/upstream.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kClassHeader = "X-Xingcha-Secrecy";

Result<fleet::Secrecy> class_of(const net::Request& request) {
  const std::string_view text = request.headers.get(kClassHeader);
  if (text.empty()) return fleet::Secrecy::Public;
  const std::optional<fleet::Secrecy> found = fleet::secrecy_of(text);
  if (found) return *found;
  return fail(Code::InvalidRequest, Message::BadHeader,
              {std::string(kClassHeader), std::string(text.substr(0, 64)),
               std::string(fleet::kSecrecyNames)});
}

// Whether pools have a say at all. It is most often no, and then costs nothing.
bool asks_pools(const Call& call) {
  const identity::Scopes* scopes = call.caller.scopes.get();
  return !call.services.pools.idle() || (scopes != nullptr && !scopes->texts().pools.empty());
}

Result<fleet::Place> next_place(Call& call, const Reservation& reservation, const Ask& ask,
                                std::optional<fleet::Sibling> sibling) {
  if (!call.course) call.course.emplace();
  XC_TRY(const fleet::Secrecy secrecy, class_of(call.request()));
  fleet::Wish wish;
  wish.model = ask.model;
  wish.tenant = call.caller.tenant;
  wish.secrecy = secrecy;
  wish.tokens = reservation.estimate().all();
  wish.text = ask.body;
  wish.sibling = sibling;
  if (const identity::Scopes* scopes = call.caller.scopes.get()) {
    wish.may_use = [scopes](std::string_view pool) { return scopes->allows_pool(pool); };
  }
  return call.services.pools.next(*call.course, wish);
}

}  // namespace

Result<Seat> route_to_sibling(Call& call, const Reservation& reservation, const Ask& ask,
                              const fleet::Sibling& sibling) {
  XC_TRY(fleet::Place place, next_place(call, reservation, ask, sibling));
  return Seat(std::move(place));
}

namespace {

Task<Result<Seat>> route_by_pools(Call& call, Reservation& reservation, const Ask& ask) {
  std::optional<Error> lost;  // of a worker that could not be had
  for (;;) {
    Result<fleet::Place> place = next_place(call, reservation, ask, std::nullopt);
    if (!place) co_return std::unexpected(lost ? std::move(*lost) : std::move(place.error()));
    if (place->use) {
      call.audit.place(place->pool, place->use->row().name);
      reservation.start(call.metrics.series(call.audit.model(), call.audit.route()), 0);
      co_return Seat(std::move(*place));
    }
    call.audit.place(place->pool, {});
    call.worker_model = place->model;
    Result<Seat> seat = co_await route_to_worker(call, reservation, std::move(place->model));
    if (seat || call.deadline.passed(call.services.clock.now())) co_return seat;
    lost = std::move(seat.error());
  }
}

}  // namespace

Task<Result<Seat>> route(Call& call, Reservation& reservation, const Ask& ask) {
  return asks_pools(call) ? route_by_pools(call, reservation, ask)
                          : route_to_worker(call, reservation, ask.model);
}

}  // namespace xc::gateway
