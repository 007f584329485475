#include "gateway/answer_writer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace xc::gateway {

void AnswerWriter::set_headers() {
  net::Headers& headers = call_.exchange.reply_headers();
  headers.set("Cache-Control", "no-cache");
  headers.set("X-Accel-Buffering", "no");  // nginx would hold events back
  add_receipt(call_);
}

void AnswerWriter::note(const std::vector<schema::Delta>& deltas) {
  const bool unread = std::any_of(deltas.begin(), deltas.end(),
                                  [](const schema::Delta& delta) { return delta.unread_call; });
  if (!unread || call_.exchange.started()) return;
  call_.exchange.reply_headers().set("X-Xingcha-Warning", std::string(schema::kUnreadCall));
}

Task<Status> AnswerWriter::send(std::string& bytes) {
  if (bytes.empty()) co_return Status();
  Status written;
  if (call_.exchange.started()) {
    written = co_await call_.exchange.write(bytes);
  } else {
    set_headers();
    written = co_await call_.exchange.begin_stream(200, media_type_, bytes);
  }
  bytes.clear();
  co_return written;
}

Task<Status> AnswerWriter::finish(std::string& bytes) {
  return stream_ ? end_stream(bytes) : reply_json(call_, 200, std::move(bytes));
}

Task<Status> AnswerWriter::end_stream(std::string& bytes) {
  Status ended;
  if (call_.exchange.started()) {
    ended = co_await call_.exchange.end_stream(bytes);
  } else {  // all of it came at once
    set_headers();
    ended = co_await call_.exchange.reply(200, media_type_, std::move(bytes));
  }
  if (ended) call_.audit.outcome(200);
  co_return ended;
}

Task<Status> AnswerWriter::break_off(Sink& sink, Error error) {
  if (!call_.exchange.started()) co_return std::unexpected(std::move(error));
  name_the_request(error, call_);
  if (!error.detail.empty()) log::warn("gateway", "{}: {}", call_.request_id, error.detail);
  std::string bytes;
  sink.fail(error, call_.language, bytes);
  Status ended = co_await call_.exchange.end_stream(bytes);
  if (ended) call_.audit.outcome(error);
  co_return ended;
}

}  // namespace xc::gateway
