// One connected socket (TCP or Unix), plain or TLS, non-blocking. Calls never wait: they say what
// to wait for, and the owner waits on readiness(). So the common case, where the kernel has the
// bytes or takes them at once, costs one system call and no trip through the event loop.
#pragma once

#include <sys/uio.h>

#include <array>
#include <functional>
#include <span>
#include <string_view>

#include "net/readiness.h"
#include "net/tls.h"

namespace xc::net {

enum class Io { Ok, WantRead, WantWrite, End, Failed };

struct IoResult {
  Io state = Io::Failed;
  std::size_t bytes = 0;    // > 0 when Ok
  bool short_read = false;  // the socket was emptied: only the peer's end may be left in it
};

// Up to four pieces that go out together, without copying them into one.
class Gather {
 public:
  void add(std::string_view bytes);
  void advance(std::size_t bytes);
  bool empty() const { return at_ == count_; }
  std::span<const iovec> parts() const { return {parts_.data() + at_, count_ - at_}; }

 private:
  std::array<iovec, 4> parts_{};
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

// Owns the descriptor. Not thread-safe; lives on its executor's thread.
class Stream {
 public:
  // session: null for plain.
  Stream(const boost::asio::any_io_executor& executor, int fd, SslSession session);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // From here on TLS; false when the session is null.
  bool open_session(SslSession session);
  IoResult handshake();  // Ok at once when plain
  IoResult read_some(std::span<char> into);
  IoResult write_some(std::span<const iovec> parts);
  // What stands in front of TLS: `take` is shown bytes of the socket and says how many it wants;
  // the others stay there. Ok with the number taken.
  IoResult take_front(const std::function<std::size_t(std::string_view)>& take);
  // Without taking bytes: Ok when some are there, End or Failed when the peer is gone.
  Io peek();
  // TLS holds decrypted bytes that no readiness event will announce.
  bool buffered() const;

  void shutdown_write();  // the peer sees the end; reading goes on
  void close();
  void reset();  // close that the peer sees as an error
  bool is_open() const { return readiness_.is_open(); }
  Readiness& readiness() { return readiness_; }
  int fd() const { return readiness_.fd(); }
  SSL* session() const { return session_.get(); }

 private:
  IoResult tls_result(int returned);
  IoResult write_tls(std::span<const iovec> parts);

  Readiness readiness_;
  SslSession session_;
  bool session_broken_ = false;  // after a fatal TLS error nothing may be sent, not even "bye"
};

// 64 KiB of this I/O thread, for bytes between a read and their parsing: connections keep no read
// buffer of their own. Nothing may be left in it across a co_await.
std::span<char> thread_buffer();

}  // namespace xc::net
