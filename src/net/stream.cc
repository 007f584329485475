#include "net/stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace xc::net {
namespace {

constexpr std::size_t kTlsRecordBytes = 16 * 1024;  // RFC 8446 §5.1

IoResult from_errno(Io would_block) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {would_block};
  return {Io::Failed};
}

}  // namespace

std::span<char> thread_buffer() {
  thread_local const auto buffer = std::make_unique<std::array<char, limits::kThreadBufferBytes>>();
  return *buffer;
}

void Gather::add(std::string_view bytes) {
  if (bytes.empty()) return;
  XC_ASSERT(count_ < parts_.size());
  // iovec is not const-correct; writev does not write there
  parts_[count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

void Gather::advance(std::size_t bytes) {
  while (bytes > 0) {
    iovec& part = parts_[at_];
    const std::size_t step = std::min(bytes, part.iov_len);
    part.iov_base = static_cast<char*>(part.iov_base) + step;
    part.iov_len -= step;
    bytes -= step;
    if (part.iov_len == 0) ++at_;
  }
}

Stream::Stream(const boost::asio::any_io_executor& executor, int fd, SslSession session)
    : readiness_(executor, fd), session_(std::move(session)) {}

Stream::~Stream() { close(); }

bool Stream::open_session(SslSession session) {
  session_ = std::move(session);
  return session_ != nullptr;
}

IoResult Stream::tls_result(int returned) {
  if (returned > 0) return {Io::Ok, static_cast<std::size_t>(returned)};
  switch (SSL_get_error(session_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {Io::WantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Io::WantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::End};
    default:
      session_broken_ = true;
      return {Io::Failed};
  }
}

IoResult Stream::handshake() {
  if (!session_) return {Io::Ok};
  ERR_clear_error();
  return tls_result(SSL_do_handshake(session_.get()));
}

IoResult Stream::read_some(std::span<char> into) {
  if (session_) {
    ERR_clear_error();
    return tls_result(SSL_read(session_.get(), into.data(), static_cast<int>(into.size())));
  }
  for (;;) {
    const ssize_t n = ::recv(fd(), into.data(), into.size(), 0);
    const auto bytes = static_cast<std::size_t>(n);
    if (n > 0) return {Io::Ok, bytes, bytes < into.size()};
    if (n == 0) return {Io::End};
    if (errno != EINTR) return from_errno(Io::WantRead);
  }
}

IoResult Stream::write_some(std::span<const iovec> parts) {
  if (session_) return write_tls(parts);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t n = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (n > 0) return {Io::Ok, static_cast<std::size_t>(n)};
    if (n == 0) return {Io::WantWrite};
    if (errno != EINTR) return from_errno(Io::WantWrite);
  }
}

// One record for small pieces. A retry gathers the same bytes again, which is what OpenSSL asks.
IoResult Stream::write_tls(std::span<const iovec> parts) {
  ERR_clear_error();
  if (parts.size() == 1 || parts.front().iov_len >= kTlsRecordBytes) {
    const auto size = std::min(parts.front().iov_len, kTlsRecordBytes);
    return tls_result(SSL_write(session_.get(), parts.front().iov_base, static_cast<int>(size)));
  }
  std::array<char, kTlsRecordBytes> record;
  std::size_t size = 0;
  for (const iovec& part : parts) {
    const std::size_t step = std::min(part.iov_len, record.size() - size);
    std::memcpy(record.data() + size, part.iov_base, step);
    size += step;
  }
  return tls_result(SSL_write(session_.get(), record.data(), static_cast<int>(size)));
}

IoResult Stream::take_front(const std::function<std::size_t(std::string_view)>& take) {
  const int socket = fd();
  const std::span<char> buffer = thread_buffer();
  const ssize_t seen = ::recv(socket, buffer.data(), limits::kProxyBytesMax, MSG_PEEK);
  if (seen == 0) return {Io::End};
  if (seen < 0) return errno == EINTR ? IoResult{Io::WantRead} : from_errno(Io::WantRead);
  const std::size_t share = take(std::string_view(buffer.data(), static_cast<std::size_t>(seen)));
  if (share == 0) return {Io::Ok};
  const ssize_t taken = ::recv(socket, buffer.data(), share, 0);
  return {taken == static_cast<ssize_t>(share) ? Io::Ok : Io::Failed, share};
}

Io Stream::peek() {
  char byte = 0;
  if (session_) {
    ERR_clear_error();
    return tls_result(SSL_peek(session_.get(), &byte, 1)).state;
  }
  const ssize_t n = ::recv(fd(), &byte, 1, MSG_PEEK);
  if (n > 0) return Io::Ok;
  if (n == 0) return Io::End;
  return errno == EINTR ? Io::WantRead : from_errno(Io::WantRead).state;
}

bool Stream::buffered() const { return session_ && SSL_has_pending(session_.get()) == 1; }

void Stream::shutdown_write() {
  if (!is_open()) return;
  if (session_ && !session_broken_) {
    ERR_clear_error();
    SSL_shutdown(session_.get());
  }
  ::shutdown(fd(), SHUT_WR);
}

void Stream::close() {
  if (!is_open()) return;
  if (session_ && !session_broken_ && SSL_is_init_finished(session_.get())) {
    ERR_clear_error();
    SSL_shutdown(session_.get());  // close_notify when the socket takes it; never waits
  }
  readiness_.close();
}

void Stream::reset() {
  if (!is_open()) return;
  const linger abort_now{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
  session_broken_ = true;
  close();
}

}  // namespace xc::net
