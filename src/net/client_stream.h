// A Stream with deadlines, for the client's side: connect, TLS, read, write. Internal to net/.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "base/deadline.h"
#include "net/client.h"
#include "net/stream.h"

namespace xc::net {

// Whom a connection leads to.
struct Peer {
  Origin origin;
  std::string key;
};

// One connection to an origin. Lives on one I/O thread, held by a shared_ptr only (its timer's
// callback looks whether it still exists). Every wait ends at its deadline or when the calling
// coroutine is cancelled. Errors: Upstream, Timeout, Cancelled.
class ClientStream : public std::enable_shared_from_this<ClientStream> {
 public:
  // fd: a connected or connecting socket, which the stream owns from here on.
  ClientStream(const boost::asio::any_io_executor& executor, int fd);

  Task<Status> finish_connect(Deadline deadline);
  Task<Status> open_tls(SSL_CTX* context, std::string host, Deadline deadline);
  // Gives the kernel what it takes at once; false when some is left, or the connection broke:
  // write_all then says which.
  bool push(Gather& gather);
  Task<Status> write_all(Gather gather, Deadline deadline);
  // Into the thread's buffer: use the view before the next co_await. Empty at the end.
  Task<Result<std::string_view>> read_some(Deadline deadline);

  // Nothing came and nothing ended while it was kept: good for another request.
  bool is_fresh();
  // Goes to a pool. Its timer runs on: most often the next request needs it no earlier, and if
  // nobody waits when it fires it ends.
  void rest(SteadyTime since);
  SteadyTime resting_since() const { return resting_since_; }
  // When the exchange began, for the milliseconds in a Timeout's message.
  void start_clock() { started_ = std::chrono::steady_clock::now(); }

 private:
  Task<Status> wait(Io state, Deadline deadline);
  Status begin_wait(Deadline deadline);
  Status end_wait(bool ready, Deadline deadline);
  void arm(Deadline deadline);
  void start_timer(SteadyTime when);

  Stream stream_;
  boost::asio::steady_timer timer_;
  SteadyTime deadline_ = SteadyTime::max();  // of the wait that runs
  SteadyTime timer_at_ = SteadyTime::max();  // when the timer fires; it is never late, may be early
  SteadyTime started_ = std::chrono::steady_clock::now();
  SteadyTime resting_since_{};
  bool waiting_ = false;
  bool timed_out_ = false;
  bool empty_ = false;  // so the socket was found, and nothing was read since: wait before reading
};

// Connects to the origin, over TLS when it says so. `tls` may be null for plain origins.
Task<Result<std::shared_ptr<ClientStream>>> connect_stream(Origin origin, SSL_CTX* tls,
                                                           Deadline deadline);

std::unexpected<Error> upstream_failed(std::string reason, std::string detail);
// Message::Deadline with the milliseconds that were granted.
std::unexpected<Error> timed_out(SteadyTime started, Deadline deadline);

}  // namespace xc::net
