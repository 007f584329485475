#include "engine/worker/stream.h"

#include <vector>

#include "engine/worker/handover_json.h"
#include "net/sse.h"

namespace xc::engine {
namespace {

// Turns deltas into SSE bytes and remembers which choices have begun.
class Chunks {
 public:
  explicit Chunks(const Delivery& delivery) : delivery_(delivery) {}

  void append(std::string& out, const schema::Delta& delta) {
    if (delta.usage && !delivery_.include_usage) return;
    const auto choice = static_cast<std::size_t>(delta.choice);
    if (choice >= begun_.size()) begun_.resize(choice + 1);
    const bool first = !delta.usage && !begun_[choice];
    if (first) begun_[choice] = true;
    net::append_sse(out, {}, delivery_.chunk(delta, first));
  }
  void append(std::string& out, const Error& error) const {
    net::append_sse(out, {}, schema::render_error(error, delivery_.language, true));
  }

 private:
  const Delivery& delivery_;
  std::vector<bool> begun_;
};

constexpr std::string_view kEvents = "text/event-stream";

// What the first delta says of the prompt leaves with the head: a chunk has no place for it.
void announce(net::Exchange& exchange, const schema::Delta& first) {
  if (!first.prompt) return;
  net::Headers& headers = exchange.reply_headers();
  headers.set("X-Xingcha-Prompt-Tokens", std::to_string(first.prompt->prompt_tokens));
  headers.set("X-Xingcha-Cached-Tokens", std::to_string(first.prompt->cached_tokens));
}

void append_end(std::string& out, const DeltaPull& pull, const Delivery& delivery) {
  if (const Handover* left = pull.handover()) {
    net::append_sse(out, "handover", render_handover(*left, delivery.digest));
  } else {
    net::append_sse(out, {}, "[DONE]");
  }
}

Task<Status> deliver_stream(net::Exchange& exchange, DeltaPull& pull, const Delivery& delivery) {
  Chunks chunks(delivery);
  std::string out;
  bool more = true;
  bool broken = false;
  while (more) {
    Result<std::optional<schema::Delta>> delta = co_await pull.next();
    if (!delta && !exchange.started()) co_return std::unexpected(std::move(delta.error()));
    more = delta && *delta;
    broken = !delta;
    if (more) chunks.append(out, **delta);
    if (broken) chunks.append(out, delta.error());
    if (more && !exchange.started()) announce(exchange, **delta);
    while (std::optional<Result<schema::Delta>> next = more ? pull.poll() : std::nullopt) {
      broken = !*next;
      more = !broken;
      if (more) chunks.append(out, **next);
      if (broken) chunks.append(out, next->error());
    }
    if (!more && !broken) append_end(out, pull, delivery);
    if (!more) break;
    Status written;
    if (!exchange.started()) {
      written = co_await exchange.begin_stream(200, kEvents, out);
    } else if (!out.empty()) {  // empty: usage that nobody asked for
      written = co_await exchange.write(out);
    }
    if (!written) co_return written;
    out.clear();
  }
  if (!exchange.started()) {  // all of it was ready at once
    Status replied = co_await exchange.reply(200, kEvents, std::move(out));
    co_return replied;
  }
  Status ended = co_await exchange.end_stream(out);
  co_return ended;
}

}  // namespace

Task<Status> deliver(net::Exchange& exchange, DeltaPull& pull, Delivery delivery) {
  if (delivery.stream) {
    Status streamed = co_await deliver_stream(exchange, pull, delivery);
    co_return streamed;
  }
  schema::Collector answer;
  for (;;) {
    Result<std::optional<schema::Delta>> delta = co_await pull.next();
    if (!delta) co_return std::unexpected(std::move(delta.error()));
    if (!*delta) break;
    answer.add(**delta);
  }
  if (pull.handover() != nullptr) co_return fail(Code::Unavailable, Message::ShuttingDown);
  std::string body = delivery.whole(answer);
  Status replied = co_await exchange.reply(200, "application/json", std::move(body));
  co_return replied;
}

}  // namespace xc::engine
