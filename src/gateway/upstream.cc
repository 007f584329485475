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

bool was_lost(const Error& error) { return error.message == Message::WorkerLost; }

// Made from nothing but the call: what a caller writes into headers of these names goes no further.
net::ClientRequest request_for(const Call& call, const Ask& ask) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      call.deadline.when() - call.services.clock.now());
  net::ClientRequest request;
  request.method = "POST";
  request.target = ask.target;
  request.body = ask.body;
  request.headers.set("Content-Type", "application/json");
  request.headers.set("X-Xingcha-Request", call.request_id);
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
Task<Result<Reply>> send(Call& call, const Ask& ask, const fleet::Lease& lease) {
  net::ClientRequest request = request_for(call, ask);
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

Task<Result<Generation>> try_start(Call& call, const Ask& ask, ChunkParser parser,
                                   fleet::Lease lease) {
  Result<Reply> reply = co_await send(call, ask, lease);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Generation generation(std::move(lease), std::move(*reply), parser, call.deadline);
  Status begun = co_await generation.prefetch();
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  co_return generation;
}

Task<Result<std::string>> try_whole(Call& call, const Ask& ask, fleet::Lease lease) {
  Result<Reply> reply = co_await send(call, ask, lease);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await (*reply)->read_all(limits::kReplyBytesMax, call.deadline);
  if (!body) co_return std::unexpected(told(std::move(body.error())));
  co_return body;
}

// A worker for the second try, after the first was lost.
Task<Result<fleet::Lease>> route_again(Call& call, Reservation& reservation, const Ask& ask) {
  log::warn("gateway", "{}: the worker died before its first token; asking once more",
            call.request_id);
  call.metrics.upstream_retried();
  co_await net::sleep_for(limits::kUpstreamRetryDelay);
  Result<fleet::Lease> lease = co_await route(call, reservation, ask.model);
  co_return lease;
}

}  // namespace

Generation::Generation(fleet::Lease lease, std::unique_ptr<net::ClientReply> reply,
                       ChunkParser parser, Deadline deadline)
    : lease_(std::move(lease)), reply_(std::move(reply)), parser_(parser), deadline_(deadline) {}

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
    bytes_.clear();
    Result<bool> more = co_await reply_->read_some(bytes_, deadline_);
    if (!more) co_return std::unexpected(told(std::move(more.error())));
    Status fed = reader_.feed(bytes_);
    if (!fed) co_return std::unexpected(std::move(fed.error()));
    take_events(out);
    if (!*more && !done_ && !failure_) {
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
    Result<std::vector<schema::Delta>> deltas = parser_(event->data);
    if (!deltas) {
      failure_ = std::move(deltas.error());
      return;
    }
    for (schema::Delta& delta : *deltas) out.push_back(std::move(delta));
  }
}

// The end of the body after [DONE], so that the connection can be kept. The answer is complete
// already: what goes wrong here costs a connection only.
Task<void> Generation::drain() {
  const Deadline soon = deadline_.sooner(Deadline::after(limits::kWorkerAnswerTimeout));
  Result<bool> more = true;
  while (more && *more) {
    bytes_.clear();
    more = co_await reply_->read_some(bytes_, soon);
  }
}

Task<Result<Generation>> start(Call& call, Reservation& reservation, const Ask& ask,
                               ChunkParser parser, fleet::Lease lease) {
  Result<Generation> generation = co_await try_start(call, ask, parser, std::move(lease));
  if (generation || !was_lost(generation.error())) co_return generation;
  Result<fleet::Lease> second = co_await route_again(call, reservation, ask);
  if (!second) co_return std::unexpected(std::move(second.error()));
  Result<Generation> again = co_await try_start(call, ask, parser, std::move(*second));
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
