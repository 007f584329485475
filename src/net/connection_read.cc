// The reading side of a Connection: TLS handshake, requests, what to do about the bytes between.
#include <algorithm>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "net/connection.h"
#include "net/proxy_header.h"

namespace xc::net {

namespace asio = boost::asio;

auto Connection::next_event() {
  auto initiate = [this](auto handler) {
    if (std::exchange(woken_, false)) {
      asio::post(executor_, std::move(handler));
    } else {
      watch_->run = std::move(handler);
    }
  };
  return asio::async_initiate<const asio::deferred_t&, void()>(std::move(initiate), asio::deferred);
}

Task<bool> Connection::meet() {
  const auto trusted = [this](const AddressRange& range) { return range.contains(peer_); };
  if (std::ranges::any_of(shared_->options.proxies, trusted)) {
    Task<bool> reading = read_proxy_header();
    const bool read = co_await std::move(reading);
    if (!read) {
      shared_->refused_total++;
      log::debug("net", "no PROXY header that can be read from {}", peer_);
      co_return false;
    }
  }
  Task<bool> handshake = shake_hands();
  const bool shaken = co_await std::move(handshake);
  co_return shaken;
}

// A proxy that is trusted must say who is behind it: guessing whether it did would let clients
// write the header themselves.
Task<bool> Connection::read_proxy_header() {
  std::string have;
  for (;;) {
    if (timed_out_ || aborted_ || draining_) co_return false;
    const IoResult got = stream_.take_front([&have](std::string_view next) {
      const std::size_t share = proxy_header_share(have, next);
      have += next.substr(0, share);
      return share;
    });
    if (got.state == Io::End || got.state == Io::Failed) co_return false;
    if (got.state == Io::WantRead) {
      if (watch_ == nullptr) watch();
      auto event = next_event();
      co_await std::move(event);
      continue;
    }
    ProxyHeader header = parse_proxy_header(have);
    if (header.state == ProxyHeader::State::Bad) co_return false;
    if (header.state == ProxyHeader::State::Incomplete) continue;
    if (!header.source.empty()) peer_ = std::move(header.source);
    co_return true;
  }
}

Task<bool> Connection::shake_hands() {
  for (;;) {
    if (timed_out_ || aborted_ || draining_) co_return false;
    const IoResult step = stream_.handshake();
    if (step.state == Io::Ok) co_return true;
    if (step.state == Io::WantWrite) {
      Task<void> wait = wait_for_room();
      co_await std::move(wait);
    } else if (step.state == Io::WantRead) {
      if (watch_ == nullptr) watch();
      auto event = next_event();
      co_await std::move(event);
    } else {
      log::debug("net", "TLS handshake with {} failed: {}", peer_, take_tls_error());
      co_return false;
    }
  }
}

Task<Result<bool>> Connection::read_request() {
  const ServerOptions& options = shared_->options;
  const MessageLimits limits{options.head_bytes_max, options.head_fields_max,
                             options.body_bytes_max};
  RequestParser parser(limits);
  input_ = rest_;
  for (;;) {
    if (!input_.empty()) {
      Status fed = feed(parser);
      if (!fed) request_ = parser.take();
      if (!fed) co_return std::unexpected(std::move(fed.error()));
      if (parser.done()) break;
      Task<Status> advancing = advance(parser);
      Status advanced = co_await std::move(advancing);
      if (!advanced) co_return false;
    }
    Task<Input> reading = read_more();
    const Input got = co_await std::move(reading);
    if (got == Input::Bytes) continue;
    if (!parser.started()) co_return false;
    request_ = parser.take();
    if (got == Input::TimedOut) co_return std::unexpected(timed_out_error());
    Status cut = parser.feed_end();
    if (!cut) co_return std::unexpected(std::move(cut.error()));
    co_return false;
  }
  deadline_ = SteadyTime::max();
  http_1_1_ = parser.http_1_1();
  keep_alive_ = parser.keep_alive();
  request_ = parser.take();
  request_.peer = peer_;
  head_only_ = request_.method == "HEAD";
  co_return true;
}

// Parses what input_ shows and keeps the rest for later.
Status Connection::feed(RequestParser& parser) {
  if (phase_ == Phase::Idle) enter(Phase::Head, shared_->options.head_timeout);
  XC_TRY(const std::size_t used, parser.feed(input_));
  if (input_.data() == rest_.data()) {
    rest_.erase(0, used);
  } else {
    rest_.assign(input_.substr(used));
  }
  input_ = {};
  if (rest_.empty() && rest_.capacity() > limits::kPipelineKeepBytes) std::string().swap(rest_);
  return {};
}

// The head is there and the body is not: the body's own clock, and the word that the client may
// be waiting for.
Task<Status> Connection::advance(RequestParser& parser) {
  if (!parser.head_done() || phase_ == Phase::Body) co_return Status{};
  enter(Phase::Body, shared_->options.body_timeout);
  if (!parser.expects_continue() || !parser.request().body.empty()) co_return Status{};
  const SteadyTime body_deadline = deadline_;
  Gather line;
  line.add("HTTP/1.1 100 Continue\r\n\r\n");
  Task<Status> sending = send(line);
  Status sent = co_await std::move(sending);
  deadline_ = body_deadline;
  co_return sent;
}

Task<Connection::Input> Connection::read_more() {
  for (;;) {
    if (std::exchange(timed_out_, false)) co_return Input::TimedOut;
    if (aborted_ || (draining_ && phase_ == Phase::Idle)) co_return Input::End;
    const bool look = std::exchange(look_, false);
    if (watch_ == nullptr || look || stream_.buffered()) {
      if (++turns_ > limits::kTurnsMax) {
        Task<void> yielding = yield_turn();
        co_await std::move(yielding);
      }
      const IoResult got = read_once();
      if (got.state == Io::Ok) co_return Input::Bytes;
      if (got.state == Io::End || got.state == Io::Failed) co_return Input::End;
      if (got.state == Io::WantWrite) {
        Task<void> wait = wait_for_room();
        co_await std::move(wait);
        continue;
      }
      if (watch_ == nullptr) watch();
    }
    auto event = next_event();
    co_await std::move(event);
    turns_ = 0;
  }
}

// Into input_, without waiting.
IoResult Connection::read_once() {
  const std::span<char> buffer = thread_buffer();
  const IoResult got = stream_.read_some(buffer);
  emptied_ = got.short_read || got.state == Io::WantRead;
  end_may_be_there_ = got.short_read;
  if (got.state != Io::Ok) return got;
  input_ = std::string_view(buffer.data(), got.bytes);
  if (!rest_.empty()) input_ = rest_.append(input_);
  return got;
}

Task<void> Connection::yield_turn() {
  turns_ = 0;
  Task<void> turn = asio::post(executor_, asio::use_awaitable);
  co_await std::move(turn);
}

Error Connection::timed_out_error() const {
  const auto limit =
      phase_ == Phase::Body ? shared_->options.body_timeout : shared_->options.head_timeout;
  return {Code::Timeout, Message::RequestTimeout, {std::to_string(limit.count())}, {}, {}, 0};
}

}  // namespace xc::net
