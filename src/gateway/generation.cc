// An answer on its way: the reading side of upstream.h.
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "gateway/endpoint_call.h"
#include "gateway/send.h"
#include "gateway/upstream.h"

namespace xc::gateway {

Generation::Generation(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                       Seat seat, std::unique_ptr<net::ClientReply> reply, Deadline start_by)
    : call_(&call),
      reservation_(&reservation),
      ask_(&ask),
      parser_(parser),
      seat_(std::move(seat)),
      reply_(std::move(reply)),
      joint_(ask.may_continue),
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

// What the worker or endpoint says next.
Task<Result<bool>> Generation::pull(std::vector<schema::Delta>& out) {
  return endpoint() == nullptr ? read(out) : pull_joined(out);
}

// The same of an endpoint, whose breaker hears how that went, or of those that go on for it.
Task<Result<bool>> Generation::pull_joined(std::vector<schema::Delta>& out) {
  for (;;) {
    Result<bool> more = co_await read_from(*seat_->endpoint(), out);
    if (more) {
      Status joined = joint_.pass(out);
      if (!joined) co_return std::unexpected(std::move(joined.error()));
      if (*more && out.empty()) continue;  // all of it had gone out before the seam
      co_return more;
    }
    const bool goes_on = co_await continue_elsewhere(more.error());
    if (!goes_on) co_return more;
  }
}

// Asks other endpoints of the pool to go on where one broke off with `error`. False: none does, and
// the answer ends with it.
Task<bool> Generation::continue_elsewhere(const Error& error) {
  while (may_move(error)) {
    std::optional<std::string> body = joint_.next(ask_->body);
    if (!body) break;
    reply_.reset();  // one that hangs shall not go on for nobody
    const fleet::Sibling place{seat_->endpoint()->row().pool, seat_->model(), true};
    Result<Seat> seat = route_to_sibling(*call_, *reservation_, *ask_, place);
    if (!seat) break;
    log::warn("gateway", "{}: the endpoint broke off in mid-stream ({}); {} is to go on",
              call_->request_id, error.detail, seat->endpoint()->row().name);
    const Ask onward{ask_->model, ask_->target, std::move(*body)};
    const Deadline by = start_deadline(*seat->endpoint(), *call_);
    Result<Reply> reply = co_await send_to_endpoint(*call_, onward, *seat, by);
    if (!reply) continue;
    call_->audit.goes_on_at(seat->endpoint()->row().name);
    call_->metrics.continued();
    seat_ = std::move(*seat);
    reply_ = std::move(*reply);
    reader_ = {};
    failure_.reset();
    read_by_ = by;
    co_return true;
  }
  co_return false;
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
  out.clear();
  Status parsed = parser_(*body, out);
  if (!parsed) co_return std::unexpected(std::move(parsed.error()));
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
    Result<bool> more = reply_->take_ready(bytes_);
    if (!*more) more = co_await reply_->read_some(bytes_, read_by_);
    if (!more) co_return std::unexpected(told(std::move(more.error())));
    std::string_view rest = bytes_;
    if (take_plain_events(rest, out)) {
      Status fed = reader_.feed(rest);
      if (!fed) co_return std::unexpected(std::move(fed.error()));
      take_events(out);
    }
    if (!*more && !done_ && !failure_ && !handover_) {
      failure_ = Error{Code::Upstream, Message::WorkerLost, {}, "stream without [DONE]", {}, 0};
    }
    if (!out.empty()) co_return true;
  }
}

// Most often all there is. False: nothing more is to be taken.
bool Generation::take_plain_events(std::string_view& bytes, std::vector<schema::Delta>& out) {
  while (const std::optional<std::string_view> data = reader_.take_plain(bytes)) {
    if (!take_data(*data, out)) return false;
  }
  return true;
}

void Generation::take_events(std::vector<schema::Delta>& out) {
  const bool from_worker = seat_ && seat_->endpoint() == nullptr;
  while (std::optional<net::SseEvent> event = reader_.next()) {
    if (from_worker && event->event == "handover" && event->data != "[DONE]") {
      handover_ = std::move(event->data);
      return;
    }
    if (!take_data(event->data, out)) return;
  }
}

// False: it was the last, or it broke.
bool Generation::take_data(std::string_view data, std::vector<schema::Delta>& out) {
  if (data == "[DONE]") {
    done_ = true;
    return false;
  }
  Status parsed = parser_(data, out);
  if (!parsed) failure_ = std::move(parsed.error());
  return parsed.has_value();
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

void Generation::abandon() {
  reply_.reset();
  seat_.reset();
}

}  // namespace xc::gateway
