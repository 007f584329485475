#include "gateway/stages.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "gateway/books.h"
#include "net/runtime.h"

namespace xc::gateway {
namespace {

bool has_tokens(const schema::Delta& delta) {
  return !delta.content.empty() || !delta.reasoning.empty() || !delta.tool_calls.empty();
}

using Granted = std::expected<identity::Grant, identity::Refusal>;
constexpr int kBudgetAwayRetry_s = 5;  // a database that restarts is back by then

// A reservation that waits for the database. Owns what it needs: when the caller leaves meanwhile,
// it ends by itself and nothing stays reserved.
class Leasing {
 public:
  Leasing(Books& books, const identity::Party& party, const identity::Tokens& tokens)
      : books_(books),
        key_(party.key),
        workspace_(party.workspace),
        tenant_(party.tenant),
        model_(party.model),
        tokens_(tokens) {}
  ~Leasing() {
    if (grant_) books_.ledger().settle(*grant_, {});
  }
  Leasing(const Leasing&) = delete;
  Leasing& operator=(const Leasing&) = delete;

  void run() { grant_ = books_.leases()->reserve({key_, workspace_, tenant_, model_}, tokens_); }
  Granted take() { return std::exchange(grant_, std::unexpected(identity::Refusal{})); }

 private:
  Books& books_;
  const std::string key_, workspace_, tenant_, model_;
  const identity::Tokens tokens_;
  Granted grant_ = std::unexpected(identity::Refusal{});
};

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

Message message_of(const identity::Refusal& refusal) {
  switch (refusal.meter) {
    case identity::Meter::Requests:
      return Message::QuotaRequests;
    case identity::Meter::Tokens:
      return refusal.retry_after_s > 0 ? Message::QuotaTokens : Message::QuotaTooLarge;
    case identity::Meter::Running:
      return Message::QuotaRunning;
    default:
      return Message::QuotaSpent;
  }
}

Error refused(Call& call, const identity::Refusal& refusal) {
  call.metrics.quota_refused(name_of(refusal.scope), name_of(refusal.meter));
  Error error;
  if (refusal.leased) {
    return Error{Code::Unavailable,
                 Message::BudgetAway,
                 {std::string(name_of(refusal.scope)), std::string(name_of(refusal.meter))},
                 {},
                 {},
                 kBudgetAwayRetry_s};
  }
  error.message = message_of(refusal);
  error.code = error.message == Message::QuotaSpent ? Code::QuotaSpent : Code::RateLimited;
  error.retry_after_s = refusal.retry_after_s;
  const std::string granted = std::to_string(refusal.granted);
  if (error.message == Message::QuotaSpent) {
    error.args = {std::string(name_of(refusal.scope)), std::string(name_of(refusal.meter)),
                  granted};
  } else {
    const std::int64_t third = error.message == Message::QuotaTooLarge
                                   ? refusal.needed
                                   : std::int64_t{refusal.retry_after_s};
    error.args = {std::string(name_of(refusal.scope)), granted, std::to_string(third)};
  }
  return error;
}

}  // namespace

Reservation::Reservation(Reservation&& other) noexcept
    : call_(std::exchange(other.call_, nullptr)),
      grant_(other.grant_),
      estimate_(other.estimate_),
      reserved_(other.reserved_),
      progress_(other.progress_),
      series_(other.series_),
      last_token_(other.last_token_),
      waited_s_(other.waited_s_) {}

Status Reservation::spend(const std::vector<schema::Delta>& deltas) {
  int tokens = 0;
  for (const schema::Delta& delta : deltas) {
    tokens += has_tokens(delta) ? 1 : 0;
    if (delta.prompt) {
      progress_.prompt = delta.prompt->prompt_tokens;
      progress_.cached = delta.prompt->cached_tokens;
    }
    if (delta.usage) spend(*delta.usage);
    if (delta.timings) waited_s_ += delta.timings->queue_ms / 1000.0;
  }
  progress_.streamed += tokens;
  if (tokens > 0) measure(tokens);
  const bool enough =
      progress_.prompt <= reserved_.prompt && progress_.streamed <= reserved_.completion;
  return enough || progress_.reported ? Status() : grow();
}

void Reservation::spend(const schema::Usage& usage) {
  progress_.reported =
      identity::Tokens{usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens};
}

// The prompt was longer than it looked, or the answer is longer than was guessed.
Status Reservation::grow() {
  identity::Tokens more;
  more.prompt = std::max<std::int64_t>(progress_.prompt - reserved_.prompt, 0);
  if (progress_.streamed > reserved_.completion) {
    more.completion = std::max(progress_.streamed - reserved_.completion, limits::kQuotaSlice);
  }
  reserved_.prompt += more.prompt;
  reserved_.completion += more.completion;
  const std::optional<identity::Refusal> overdrawn =
      call_->services.books.ledger().extend(grant_, more);
  if (!overdrawn) return {};
  return std::unexpected(refused(*call_, *overdrawn));
}

void Reservation::measure(int tokens) {
  const SteadyTime now = call_->services.clock.now();
  if (last_token_) {
    series_->gap(seconds(now - *last_token_) / tokens, tokens);
  } else {
    series_->first_token(seconds(now - call_->audit.begun()));
  }
  last_token_ = now;
}

void Reservation::forgive(const Error& error) {
  if (facts_of(error.code).http_status < 500) return;
  progress_.streamed = 0;
  progress_.reported.reset();
}

void Reservation::settle() {
  progress_.finished = true;
  close();
}

void Reservation::close() {
  Call* call = std::exchange(call_, nullptr);
  if (call == nullptr) return;
  const identity::Tokens tokens = identity::billed(progress_, reserved_);
  const std::optional<std::int64_t> cost = call->services.books.ledger().settle(grant_, tokens);
  call->audit.spent(Spent{grant_.accounts, tokens, cost.value_or(0)});
  if (series_ == nullptr) return;
  series_->queued(waited_s_);
  series_->spent(schema::Usage{tokens.prompt, tokens.completion, tokens.cached, 0});
}

Task<Result<Reservation>> reserve(Call& call, std::string model, Estimate estimate) {
  const ops::Trace::Stage stage = call.trace.stage("reserve");
  // A model that was removed is gone at once, also when the fleet still knows the way to it.
  Result<SharedRow> row = allowed_model(call, model);
  if (!row) {
    call.audit.model("unknown");
    co_return std::unexpected(std::move(row.error()));
  }
  call.audit.model((*row)->name);
  const identity::Tokens tokens = bounded(estimate, (*row)->context);
  const identity::Party party{call.audit.key(), call.audit.workspace(), call.audit.tenant(),
                              call.audit.model()};
  Books& books = call.services.books;
  Granted grant = books.ledger().reserve(party, tokens);
  if (!grant && grant.error().leased && books.leases() != nullptr && !books.leases()->is_away()) {
    auto leasing = std::make_shared<Leasing>(books, party, tokens);
    net::BlockingPool* const lane = call.services.database_lane;
    std::function<void()> work = [leasing] { leasing->run(); };
    const Deadline soon = call.deadline.sooner(Deadline::after(limits::kLeaseWait));
    Task<bool> running = (lane != nullptr ? *lane : call.services.blocking).run_until(work, soon);
    const bool ended = co_await std::move(running);
    if (ended) grant = leasing->take();
    if (!ended) books.leases()->cut_off();
  }
  if (!grant) co_return std::unexpected(refused(call, grant.error()));
  co_return Reservation(call, *grant, tokens);
}

Status admit(Call& call, const Reservation& reservation) {
  const ops::Trace::Stage stage = call.trace.stage("admit");
  const bool kept = call.caller.audit_content != identity::AuditContent::None;
  return call.audit.admit_request(
      reservation.estimate().all(),
      kept ? std::string_view(call.request().body) : std::string_view());
}

Status screen(std::string_view model) {
  // It becomes part of log lines and of messages.
  const auto odd = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (model.size() > limits::kModelNameBytesMax || std::ranges::any_of(model, odd)) {
    return fail_field("model", Message::BadValue,
                      {"model", fmt::format("({} B)", model.size()), "GET /v1/models"});
  }
  return {};
}

Task<Result<Seat>> route_to_worker(Call& call, Reservation& reservation, std::string model) {
  ops::Trace::Stage stage = call.trace.stage("route");
  const SteadyTime asked = call.services.clock.now();
  Result<fleet::Lease> lease = co_await call.services.fleet.acquire(model, call.deadline);
  if (!lease) stage.fail();
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  Series& series = call.metrics.series(lease->model(), call.audit.route());
  reservation.start(series, seconds(call.services.clock.now() - asked));
  co_return Seat(std::move(*lease), std::move(model));
}

Status OutputGuard::admit(const std::vector<schema::Delta>& deltas) const {
  for (const schema::Delta& delta : deltas) {
    if (delta.choice >= 0 && delta.choice < choices_) continue;
    return fail(Code::Upstream, Message::UpstreamFailed, {fmt::format("choice {}", delta.choice)});
  }
  return {};
}

}  // namespace xc::gateway
