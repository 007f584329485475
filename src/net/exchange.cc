// The Exchange side of a Connection: replies and writing.
#include <array>
#include <charconv>

#include "base/assert.h"
#include "net/connection.h"
#include "net/spare_text.h"

namespace xc::net {

namespace {

std::unexpected<Error> client_gone() { return fail(Code::Cancelled, Message::ClientGone); }

bool has_no_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

// "1f\r\n": what stands before a chunk.
struct ChunkSize {
  explicit ChunkSize(std::size_t bytes) {
    const auto [end, error] = std::to_chars(text.data(), text.data() + 16, bytes, 16);
    end[0] = '\r';
    end[1] = '\n';
    view = std::string_view(text.data(), static_cast<std::size_t>(end - text.data()) + 2);
  }
  std::array<char, 18> text;
  std::string_view view;
};

}  // namespace

Task<Status> Connection::reply(int status, std::string_view content_type, std::string body) {
  return send_whole(status, content_type, {}, std::move(body));
}

Task<Status> Connection::reply_static(int status, std::string_view content_type,
                                      std::string_view body) {
  return send_whole(status, content_type, body, {});
}

Task<Status> Connection::send_whole(int status, std::string_view content_type,
                                    std::string_view body, std::string owned) {
  if (broken_ || gone_) co_return client_gone();
  if (!owned.empty()) body = owned;
  const Framing framing = has_no_body(status) ? Framing::None : Framing::Length;
  SpareText head;
  open_reply(head.text(), status, content_type, framing, body.size());
  Gather gather;
  gather.add(head.text());
  if (framing == Framing::Length && !head_only_) gather.add(body);
  ended_ = push(gather);  // the usual case: the kernel takes it at once
  if (ended_) co_return Status{};
  Task<Status> sending = send(gather);
  Status sent = co_await std::move(sending);
  ended_ = sent.has_value();
  co_return sent;
}

Task<Status> Connection::begin_stream(int status, std::string_view content_type,
                                      std::string_view first) {
  if (broken_ || gone_) co_return client_gone();
  Framing framing = http_1_1_ ? Framing::Chunked : Framing::Close;
  if (has_no_body(status)) framing = Framing::None;
  SpareText head;
  open_reply(head.text(), status, content_type, framing, 0);
  const ChunkSize size(first.size());
  Gather gather;
  gather.add(head.text());
  if (has_content(first)) {
    if (framing == Framing::Chunked) gather.add(size.view);
    gather.add(first);
    if (framing == Framing::Chunked) gather.add("\r\n");
  }
  if (push(gather)) co_return Status{};
  Task<Status> sending = send(gather);
  Status sent = co_await std::move(sending);
  co_return sent;
}

Task<Status> Connection::write(std::string_view bytes) {
  if (broken_ || gone_) co_return client_gone();
  XC_ASSERT(started_ && !ended_);
  if (!has_content(bytes)) co_return Status{};
  const ChunkSize size(bytes.size());
  Gather gather;
  if (framing_ == Framing::Chunked) gather.add(size.view);
  gather.add(bytes);
  if (framing_ == Framing::Chunked) gather.add("\r\n");
  if (push(gather)) co_return Status{};  // the usual case: the kernel takes it at once
  Task<Status> sending = send(gather);
  Status sent = co_await std::move(sending);
  co_return sent;
}

Task<Status> Connection::end_stream(std::string_view last) {
  if (broken_ || gone_) co_return client_gone();
  XC_ASSERT(started_ && !ended_);
  const ChunkSize size(last.size());
  const bool chunked = framing_ == Framing::Chunked && !head_only_;
  Gather gather;
  if (has_content(last)) {
    if (chunked) gather.add(size.view);
    gather.add(last);
    if (chunked) gather.add("\r\n");
  }
  if (chunked) gather.add("0\r\n\r\n");
  ended_ = push(gather);
  if (ended_) co_return Status{};
  Task<Status> sending = send(gather);
  Status sent = co_await std::move(sending);
  ended_ = sent.has_value();
  co_return sent;
}

bool Connection::has_content(std::string_view bytes) const {
  return !bytes.empty() && !head_only_ && framing_ != Framing::None;
}

void Connection::open_reply(std::string& out, int status, std::string_view content_type,
                            Framing framing, std::size_t body_bytes) {
  XC_ASSERT(!started_);
  started_ = true;
  framing_ = framing;
  keep_alive_ = keep_alive_ && !draining_ && !aborted_ && framing != Framing::Close;
  ReplyHead head;
  head.status = status;
  head.content_type = content_type;
  head.framing = framing;
  head.body_bytes = body_bytes;
  head.http_1_1 = http_1_1_;
  head.keep_alive = keep_alive_;
  append_reply_head(out, head, reply_headers_);
}

Task<Status> Connection::send_error(const Error& error) {
  const std::string_view language = request_.headers.get("accept-language");
  const ErrorReply made = shared_->error_renderer(error, request_.path, language);
  if (error.retry_after_s > 0) {
    reply_headers_.set("Retry-After", std::to_string(error.retry_after_s));
  }
  const int status = facts_of(error.code).http_status;
  Task<Status> sending = send_whole(status, made.content_type, made.body, {});
  Status sent = co_await std::move(sending);
  co_return sent;
}

bool Connection::push(Gather& gather) {
  while (!gather.empty()) {
    const IoResult wrote = stream_.write_some(gather.parts());
    if (wrote.state == Io::Ok) {
      gather.advance(wrote.bytes);
      continue;
    }
    wants_read_ = wrote.state == Io::WantRead;
    broken_ = wrote.state == Io::End || wrote.state == Io::Failed;
    return false;
  }
  return true;
}

// Until the kernel has it all. Whoever is cancelled in here leaves a cut message behind: broken_.
Task<Status> Connection::send(Gather gather) {
  while (!push(gather)) {
    if (broken_) co_return client_gone();
    broken_ = true;
    deadline_ = std::chrono::steady_clock::now() + shared_->options.write_timeout;
    auto waiting =
        stream_.readiness().wait(wants_read_ ? Readiness::For::Read : Readiness::For::Write);
    const bool ready = co_await std::move(waiting);
    deadline_ = SteadyTime::max();
    if (!ready || timed_out_) co_return client_gone();  // cancelled, or too slow
    broken_ = false;
    turns_ = 0;
  }
  co_return Status{};
}

// The caller tries again and looks at its flags.
Task<void> Connection::wait_for_room() {
  auto waiting = stream_.readiness().wait(Readiness::For::Write);
  const bool ready = co_await std::move(waiting);
  static_cast<void>(ready);
}

}  // namespace xc::net
