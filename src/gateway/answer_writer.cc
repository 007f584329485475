#include "gateway/answer_writer.h"

#include <utility>

#include "base/log.h"

namespace xc::gateway {

Task<Status> AnswerWriter::send(std::string& bytes) {
  if (bytes.empty()) co_return Status();
  if (!call_.exchange.started()) {
    call_.exchange.reply_headers().set("Cache-Control", "no-cache");
    call_.exchange.reply_headers().set("X-Accel-Buffering", "no");  // nginx would hold events back
    Status begun = co_await call_.exchange.begin_stream(200, "text/event-stream");
    if (!begun) co_return begun;
  }
  Status written = co_await call_.exchange.write(bytes);
  bytes.clear();
  co_return written;
}

Task<Status> AnswerWriter::finish(std::string& bytes) {
  if (!stream_) {
    Status replied = co_await reply_json(call_, 200, std::move(bytes));
    co_return replied;
  }
  Status sent = co_await send(bytes);
  if (!sent) co_return sent;
  call_.audit.outcome(200);
  Status ended = co_await call_.exchange.end_stream();
  co_return ended;
}

Task<Status> AnswerWriter::break_off(Sink& sink, Error error) {
  if (!call_.exchange.started()) co_return std::unexpected(std::move(error));
  name_the_request(error, call_);
  if (!error.detail.empty()) log::warn("gateway", "{}: {}", call_.request_id, error.detail);
  std::string bytes;
  sink.fail(error, call_.language, bytes);
  Status sent = co_await send(bytes);
  if (!sent) co_return sent;
  call_.audit.outcome(error);
  Status ended = co_await call_.exchange.end_stream();
  co_return ended;
}

}  // namespace xc::gateway
