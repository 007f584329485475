#include "gateway/inquiry.h"

#include <utility>

#include "gateway/stages.h"

namespace xc::gateway {

// caller_of → parse → screen → reserve → admit → route → ask → spend → settle → send → audit.commit
Task<Status> inquire(Call& call, InquiryParser parse) {
  Result<Inquiry> inquiry = parse(call.request().body);
  if (!inquiry) co_return std::unexpected(std::move(inquiry.error()));
  Status screened = screen(inquiry->ask.model);
  if (!screened) co_return screened;
  Result<Reservation> reservation = co_await reserve(call, inquiry->ask.model, inquiry->estimate);
  if (!reservation) co_return std::unexpected(std::move(reservation.error()));
  Status recorded = admit(call, *reservation);
  if (!recorded) co_return recorded;
  Result<Seat> seat = co_await route(call, *reservation, inquiry->ask);
  if (!seat) co_return std::unexpected(std::move(seat.error()));
  const WholeCheck check = [&inquiry](std::string_view answer) -> Status {
    XC_TRY(const Finding found, inquiry->read(answer));
    static_cast<void>(found);
    return {};
  };
  Result<std::string> json =
      co_await ask_whole(call, *reservation, inquiry->ask, std::move(*seat), check);
  if (!json) co_return std::unexpected(std::move(json.error()));
  Result<Finding> finding = inquiry->read(*json);
  if (!finding) co_return std::unexpected(std::move(finding.error()));
  if (inquiry->stamp != nullptr) {
    const Duration total = call.services.clock.now() - call.audit.begun();
    inquiry->stamp(finding->body, total, reservation->waited());
  }
  reservation->spend(finding->usage);
  reservation->settle();
  Status replied = co_await reply_json(call, 200, std::move(finding->body));
  co_return replied;
}

}  // namespace xc::gateway
