#include "net/connection.h"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "base/id.h"
#include "base/log.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

SslSession session_for(const ServerShared& shared, int fd) {
  if (!shared.secure) return nullptr;
  return open_server_session(shared.tls().get(), fd);  // the session holds its context
}

std::string what_of(const std::exception_ptr& escaped) {
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an unknown exception";
  }
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerShared> shared, const asio::any_io_executor& executor,
                       int fd, std::string peer, bool refuse)
    : shared_(std::move(shared)),
      executor_(executor),
      stream_(executor, fd, session_for(*shared_, fd)),
      peer_(std::move(peer)),
      refuse_(refuse) {
  aborted_ =
      shared_->secure && stream_.session() == nullptr;  // no memory: never fall back to plain
}

asio::cancellation_slot Connection::cancel_slot() { return cancel_.slot(); }

void Connection::sweep(SteadyTime now) {
  if (std::exchange(end_may_be_there_, false)) {
    // Not from in here: what ends leaves the set that is being walked.
    asio::post(executor_, [self = shared_from_this()] { self->look_for_end(); });
  }
  if (now < deadline_) return;
  deadline_ = SteadyTime::max();
  timed_out_ = true;
  wake();
  stream_.readiness().cancel();
}

void Connection::drain() {
  draining_ = true;
  wake();
}

void Connection::abort() {
  aborted_ = true;
  wake();
  if (phase_ == Phase::Handler) {
    cancel_.emit(asio::cancellation_type::all);
  } else {
    stream_.readiness().cancel();
  }
}

// The wall of DESIGN §8: nothing leaves this coroutine.
Task<void> Connection::run() {
  try {
    Task<void> serving = serve();
    co_await std::move(serving);
  } catch (...) {
    log::error("net", "connection from {} ended by: {}", peer_, what_of(std::current_exception()));
  }
  deadline_ = SteadyTime::max();
  stream_.close();
}

Task<void> Connection::serve() {
  enter(Phase::Idle, shared_->options.head_timeout);
  Task<bool> meeting = meet();
  const bool met = co_await std::move(meeting);
  if (!met) co_return;
  if (refuse_) {
    Error full{Code::Unavailable, Message::TooManyConnections, {}, {}, {}, 1};
    Task<void> refusal = refuse(std::move(full));
    co_await std::move(refusal);
    co_return;
  }
  for (;;) {
    Task<Result<bool>> reading = read_request();
    Result<bool> got = co_await std::move(reading);
    if (!got) {
      Task<void> refusal = refuse(std::move(got.error()));
      co_await std::move(refusal);
      co_return;
    }
    if (!*got) co_return;
    Task<bool> handling = run_handler();
    const bool goes_on = co_await std::move(handling);
    request_ = {};
    if (!goes_on) co_return;
    if (++turns_ > limits::kTurnsMax) {
      Task<void> yielding = yield_turn();
      co_await std::move(yielding);
    }
    enter(Phase::Idle, shared_->options.idle_timeout);
  }
}

Task<bool> Connection::run_handler() {
  shared_->requests_total++;
  reply_headers_ = {};
  framing_ = Framing::None;
  started_ = ended_ = false;
  phase_ = Phase::Handler;
  // Pipelined bytes would only say "readable". What is left in the socket would say nothing.
  if (rest_.empty() && watch_ == nullptr) emptied_ ? watch() : look();
  std::exception_ptr escaped;
  try {
    Task<void> handling = shared_->handler(*this);
    co_await std::move(handling);
  } catch (...) {
    escaped = std::current_exception();
  }
  phase_ = Phase::Ending;
  if (gone_ || aborted_) co_await asio::this_coro::reset_cancellation_state();
  if (gone_ || broken_) co_return false;
  if (!aborted_ && (escaped || !started_)) note_escaped(escaped);
  if (started_ && !ended_) {  // cut off, so that the client cannot take it for complete
    if (framing_ == Framing::Close) stream_.reset();
    co_return false;
  }
  if (!started_) {
    const std::string id(reply_headers_.get("x-request-id"));
    const Error error = aborted_ ? Error{Code::Unavailable, Message::ShuttingDown, {}, {}, {}, 1}
                                 : Error{Code::Internal, Message::InternalError, {id}, {}, {}, 0};
    Task<Status> sending = send_error(error);
    Status sent = co_await std::move(sending);
    if (!sent) co_return false;
  }
  co_return keep_alive_ && !aborted_;
}

// Gives the request an id, if the handler has not, that the reply and the log share. Null: the
// handler came back without a reply.
void Connection::note_escaped(const std::exception_ptr& escaped) {
  if (reply_headers_.get("x-request-id").empty()) {
    SystemRandom random;
    reply_headers_.set("x-request-id", make_id(random, "req_"));
  }
  log::error("net", "{} {} {} ended by: {}", reply_headers_.get("x-request-id"), request_.method,
             request_.path, escaped ? what_of(escaped) : "a handler that did not reply");
}

Task<void> Connection::refuse(Error error) {
  shared_->refused_total++;
  keep_alive_ = false;
  head_only_ = request_.method == "HEAD";
  http_1_1_ = true;
  started_ = ended_ = false;
  reply_headers_ = {};
  Task<Status> sending = send_error(error);
  Status sent = co_await std::move(sending);
  if (!sent) co_return;
  Task<void> lingering = linger();
  co_await std::move(lingering);
}

// Closing while the client still sends would reset the connection and could take the reply with
// it. So: say "end", swallow what comes, until the client has closed too.
Task<void> Connection::linger() {
  stream_.shutdown_write();
  enter(Phase::Ending, limits::kLingerTimeout);
  rest_.clear();
  for (std::size_t swallowed = 0; swallowed < limits::kLingerBytesMax;) {
    Task<Input> reading = read_more();
    const Input got = co_await std::move(reading);
    if (got != Input::Bytes) co_return;
    swallowed += input_.size();
  }
}

void Connection::enter(Phase phase, std::chrono::seconds limit) {
  phase_ = phase;
  timed_out_ = false;
  deadline_ = std::chrono::steady_clock::now() + limit;
}

void Connection::watch() {
  watch_ = stream_.readiness().start(Readiness::For::Read, Watch(shared_from_this()));
}

void Connection::Watch::operator()(bool ready) {
  connection->watch_ = nullptr;
  connection->end_may_be_there_ = false;  // it gives an event, and this may be it
  if (run) {
    run();
  } else {
    connection->on_readable(!ready);
  }
}

void Connection::wake() {
  if (watch_ != nullptr && watch_->run) {
    asio::post(executor_, std::exchange(watch_->run, nullptr));
  } else {
    woken_ = true;
  }
}

void Connection::on_readable(bool cancelled) {
  if (phase_ == Phase::Handler && !cancelled && stream_.is_open()) look();
}

// While the handler runs: whether the client is still there.
void Connection::look() {
  switch (stream_.peek()) {
    case Io::WantRead:
      if (watch_ == nullptr) watch();
      return;
    case Io::Ok:         // pipelined: watched again when they are consumed
    case Io::WantWrite:  // TLS has something to say first; the next write says it
      return;
    case Io::End:
    case Io::Failed:
      break;
  }
  gone_ = true;
  cancel_.emit(asio::cancellation_type::all);
}

// An end that came together with the last bytes gave no event of its own (readiness.h).
void Connection::look_for_end() {
  if (phase_ != Phase::Handler) {
    look_ = true;
    wake();
  } else if (watch_ != nullptr) {  // else there are requests behind this one: first their replies
    on_readable(false);
  }
}

}  // namespace xc::net
