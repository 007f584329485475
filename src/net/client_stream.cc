#include "net/client_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace xc::net {

namespace asio = boost::asio;

namespace {

Readiness::For purpose_of(Io state) {
  return state == Io::WantRead ? Readiness::For::Read : Readiness::For::Write;
}

}  // namespace

std::unexpected<Error> upstream_failed(std::string reason, std::string detail) {
  return fail(Code::Upstream, Message::UpstreamFailed, {std::move(reason)}, std::move(detail));
}

ClientStream::ClientStream(const asio::any_io_executor& executor, int fd)
    : stream_(executor, fd, nullptr), timer_(executor) {}

std::unexpected<Error> timed_out(SteadyTime started, Deadline deadline) {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::duration_cast<milliseconds>(deadline.when() - started).count();
  return fail(Code::Timeout, Message::Deadline, {std::to_string(std::max<std::int64_t>(ms, 0))});
}

// A timer that fires too early looks again; so a deadline that moves back, as it does with each
// read of a stream, costs nothing.
void ClientStream::arm(Deadline deadline) {
  deadline_ = deadline.when();
  if (deadline_ < timer_at_) start_timer(deadline_);
}

void ClientStream::start_timer(SteadyTime when) {
  timer_at_ = when;
  timer_.expires_at(when);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->timer_at_ = SteadyTime::max();
    if (!self->waiting_ || self->deadline_ == SteadyTime::max()) return;
    if (std::chrono::steady_clock::now() < self->deadline_) {
      self->start_timer(self->deadline_);
      return;
    }
    self->timed_out_ = true;
    self->stream_.readiness().cancel();
  });
}

Status ClientStream::begin_wait(Deadline deadline) {
  if (deadline.passed(std::chrono::steady_clock::now())) return timed_out(started_, deadline);
  arm(deadline);
  waiting_ = true;
  return {};
}

Status ClientStream::end_wait(bool ready, Deadline deadline) {
  waiting_ = false;
  if (timed_out_) return timed_out(started_, deadline);
  if (!ready) return fail(Code::Cancelled, Message::ClientGone, {}, "cancelled");
  return {};
}

Task<Status> ClientStream::wait(Io state, Deadline deadline) {
  Status begun = begin_wait(deadline);
  if (!begun) co_return begun;
  auto waiting = stream_.readiness().wait(purpose_of(state));
  const bool ready = co_await std::move(waiting);
  co_return end_wait(ready, deadline);
}

Task<Status> ClientStream::finish_connect(Deadline deadline) {
  Task<Status> waiting = wait(Io::WantWrite, deadline);
  Status ready = co_await std::move(waiting);
  if (!ready) co_return ready;
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(stream_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return upstream_failed(std::strerror(error), "connect");
  co_return Status{};
}

Task<Status> ClientStream::open_tls(SSL_CTX* context, std::string host, Deadline deadline) {
  if (!stream_.open_session(open_client_session(context, stream_.fd(), host))) {
    co_return upstream_failed("TLS", take_tls_error());
  }
  for (;;) {
    const IoResult step = stream_.handshake();
    if (step.state == Io::Ok) co_return Status{};
    if (step.state == Io::End || step.state == Io::Failed) {
      const long verdict = SSL_get_verify_result(stream_.session());
      std::string reason = take_tls_error();
      if (verdict != X509_V_OK) reason = X509_verify_cert_error_string(verdict);
      co_return upstream_failed("TLS: " + reason, "handshake with " + host);
    }
    Task<Status> waiting = wait(step.state, deadline);
    Status ready = co_await std::move(waiting);
    if (!ready) co_return ready;
  }
}

bool ClientStream::push(Gather& gather) {
  while (!gather.empty()) {
    const IoResult wrote = stream_.write_some(gather.parts());
    if (wrote.state != Io::Ok) return false;
    gather.advance(wrote.bytes);
  }
  return true;
}

Task<Status> ClientStream::write_all(Gather gather, Deadline deadline) {
  while (!gather.empty()) {
    const IoResult wrote = stream_.write_some(gather.parts());
    if (wrote.state == Io::Ok) {
      gather.advance(wrote.bytes);
      continue;
    }
    if (wrote.state == Io::End || wrote.state == Io::Failed) {
      co_return upstream_failed("write", std::strerror(errno));
    }
    Task<Status> waiting = wait(wrote.state, deadline);
    Status ready = co_await std::move(waiting);
    if (!ready) co_return ready;
  }
  co_return Status{};
}

Task<Result<std::string_view>> ClientStream::read_some(Deadline deadline) {
  Io state = Io::WantRead;
  bool try_first = !empty_ || stream_.buffered();
  for (;;) {
    if (!try_first) {  // wait() without a coroutine of its own: each piece of a stream comes here
      Status begun = begin_wait(deadline);
      if (!begun) co_return std::unexpected(std::move(begun.error()));
      auto waiting = stream_.readiness().wait(purpose_of(state));
      const bool ready = co_await std::move(waiting);
      Status waited = end_wait(ready, deadline);
      if (!waited) co_return std::unexpected(std::move(waited.error()));
    }
    try_first = false;
    const std::span<char> buffer = thread_buffer();
    const IoResult got = stream_.read_some(buffer);
    state = got.state;
    empty_ = state == Io::WantRead;
    if (state == Io::Ok) co_return std::string_view(buffer.data(), got.bytes);
    if (state == Io::End) co_return std::string_view();
    if (state == Io::Failed) co_return upstream_failed("read", std::strerror(errno));
  }
}

bool ClientStream::is_fresh() {
  empty_ = stream_.is_open() && stream_.peek() == Io::WantRead;
  return empty_;
}

void ClientStream::rest(SteadyTime since) { resting_since_ = since; }

}  // namespace xc::net
