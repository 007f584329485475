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
  Result<Reservation> reservation = reserve(call, inquiry->ask.model, inquiry->estimate);
  if (!reservation) co_return std::unexpected(std::move(reservation.error()));
  Status recorded = admit(call, *reservation);
  if (!recorded) co_return recorded;
  Result<fleet::Lease> lease = co_await route(call, *reservation, inquiry->ask.model);
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  Result<std::string> json =
      co_await ask_whole(call, *reservation, inquiry->ask, std::move(*lease));
  if (!json) co_return std::unexpected(std::move(json.error()));
  Result<Finding> finding = inquiry->read(*json);
  if (!finding) co_return std::unexpected(std::move(finding.error()));
  reservation->spend(finding->usage);
  reservation->settle();
  Status replied = co_await reply_json(call, 200, std::move(finding->body));
  co_return replied;
}

}  // namespace xc::gateway
