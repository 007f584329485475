#include "gateway/stages.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace xc::gateway {
namespace {

bool has_tokens(const schema::Delta& delta) {
  return !delta.content.empty() || !delta.reasoning.empty() || !delta.tool_calls.empty();
}

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

Reservation::Reservation(Reservation&& other) noexcept
    : call_(std::exchange(other.call_, nullptr)),
      series_(other.series_),
      last_token_(other.last_token_),
      waited_s_(other.waited_s_),
      usage_(other.usage_) {}

void Reservation::spend(const std::vector<schema::Delta>& deltas) {
  int tokens = 0;
  for (const schema::Delta& delta : deltas) {
    tokens += has_tokens(delta) ? 1 : 0;
    if (delta.usage) usage_ = *delta.usage;
    if (delta.timings) waited_s_ += delta.timings->queue_ms / 1000.0;
  }
  if (tokens == 0) return;
  const SteadyTime now = call_->services.clock.now();
  if (last_token_) {
    series_->gap(seconds(now - *last_token_) / tokens, tokens);
  } else {
    series_->first_token(seconds(now - call_->audit.begun()));
  }
  last_token_ = now;
}

void Reservation::settle() {
  Call* call = std::exchange(call_, nullptr);
  if (call == nullptr || series_ == nullptr) return;
  series_->queued(waited_s_);
  series_->spent(usage_);
  call->audit.usage(usage_);
}

Result<Reservation> reserve(Call& call) { return Reservation(call); }

Status screen(std::string_view model) {
  // It becomes part of log lines and of messages.
  const auto odd = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (model.size() > limits::kModelNameBytesMax || std::ranges::any_of(model, odd)) {
    return fail_field("model", Message::BadValue,
                      {"model", fmt::format("({} B)", model.size()), "GET /v1/models"});
  }
  return {};
}

Task<Result<fleet::Lease>> route(Call& call, Reservation& reservation, std::string model) {
  const SteadyTime asked = call.services.clock.now();
  // A model that was removed is gone at once, also when the fleet still knows the way to it.
  Result<ModelRow> row = model_row(call.services, model);
  if (!row) {
    call.audit.model("unknown");
    co_return std::unexpected(std::move(row.error()));
  }
  Result<fleet::Lease> lease = co_await call.services.fleet.acquire(model, call.deadline);
  if (!lease) {
    call.audit.model(row->name);
    co_return lease;
  }
  call.audit.model(lease->model());
  Series& series = call.metrics.series(lease->model(), call.audit.route());
  reservation.start(series, seconds(call.services.clock.now() - asked));
  co_return lease;
}

Status OutputGuard::admit(const std::vector<schema::Delta>& deltas) const {
  for (const schema::Delta& delta : deltas) {
    if (delta.choice >= 0 && delta.choice < choices_) continue;
    return fail(Code::Upstream, Message::UpstreamFailed, {fmt::format("choice {}", delta.choice)});
  }
  return {};
}

}  // namespace xc::gateway
