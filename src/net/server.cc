#include "net/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "base/assert.h"
#include "base/log.h"
#include "net/connection.h"
#include "net/listen_socket.h"

namespace xc::net {

namespace asio = boost::asio;

namespace {

// The connections of one I/O thread; touched on that thread only. Refers to nothing of another
// thread, so that the threads' loops can be destroyed one after the other.
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  Lane(std::shared_ptr<ServerShared> shared, asio::any_io_executor executor)
      : shared_(std::move(shared)), executor_(std::move(executor)), timer_(executor_) {}

  const asio::any_io_executor& executor() const { return executor_; }

  void start(int fd, std::string peer, bool refuse) {
    if (draining_) {
      ::close(fd);
      ended();
      return;
    }
    auto made = std::make_shared<Connection>(shared_, executor_, fd, std::move(peer), refuse);
    connections_.insert(made);
    auto on_end = [self = shared_from_this(), made](const std::exception_ptr&) {
      self->connections_.erase(made);
      if (self->connections_.empty()) self->timer_.cancel();
      self->ended();
    };
    asio::co_spawn(executor_, made->run(),
                   asio::bind_cancellation_slot(made->cancel_slot(), std::move(on_end)));
    if (!sweeping_) sweep();
  }

  // on_end: called now, and after each connection that ends from now on. Now, because the last one
  // may have ended while the call was on its way here.
  void drain(std::function<void()> on_end) {
    draining_ = true;
    on_end_ = std::move(on_end);
    for (const auto& connection : connections_) connection->drain();
    on_end_();
  }

  void abort() {
    // A cancelled handler may end at once and leave the set.
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->abort();
  }

 private:
  void ended() {
    shared_->connections_open--;  // before the wake-up: close() waits for 0
    if (on_end_) on_end_();
  }

  // Runs while there are connections, so that an idle server does not wake up.
  void sweep() {
    sweeping_ = !connections_.empty();
    if (!sweeping_) return;
    timer_.expires_after(limits::kSweepInterval);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) {
        const SteadyTime now = std::chrono::steady_clock::now();
        for (const auto& connection : self->connections_) connection->sweep(now);
      }
      self->sweep();
    });
  }

  const std::shared_ptr<ServerShared> shared_;
  const asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::function<void()> on_end_;
  bool draining_ = false;
  bool sweeping_ = false;
};

std::string peer_text(const sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = "unix";
  if (from.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&from)->sin_addr, text, sizeof(text));
  } else if (from.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr, text,
              sizeof(text));
  }
  return text;
}

}  // namespace

// One listener on thread 0 deals connections round-robin: streams live long, so an even spread
// matters more than the rate of accepts, and SO_REUSEPORT would let a second server share the port.
struct Server::Parts : std::enable_shared_from_this<Server::Parts> {
  explicit Parts(Runtime& r) : runtime(r), acceptor(r.executor(0)), pause(r.executor(0)) {}

  Runtime& runtime;
  std::shared_ptr<ServerShared> shared = std::make_shared<ServerShared>();
  std::vector<std::shared_ptr<Lane>> lanes;
  ListenSocket socket;
  asio::posix::stream_descriptor acceptor;  // a duplicate of socket's, for readiness only
  asio::steady_timer pause;
  std::string address;
  std::size_t next_lane = 0;
  bool closing = false;

  void wait() {
    acceptor.async_wait(asio::posix::descriptor_base::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (error || self->closing) return;
                          self->accept_all();
                        });
  }

  void accept_all() {
    for (;;) {
      sockaddr_storage from{};
      socklen_t size = sizeof(from);
      const int fd = ::accept4(socket.fd(), reinterpret_cast<sockaddr*>(&from), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        deal(fd, from);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wait();
        return;
      } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
        log::error("net", "accept on {} failed: {}", address, std::strerror(errno));
        wait_a_while();
        return;
      }
    }
  }

  void wait_a_while() {
    pause.expires_after(limits::kAcceptBackoff);
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->closing) self->accept_all();
    });
  }

  void deal(int fd, const sockaddr_storage& from) {
    const std::uint64_t open = shared->connections_open;
    const std::size_t max = shared->options.connections_max;
    if (open >= max + limits::kConnectionsOverMax) {
      ::close(fd);
      return;
    }
    set_no_delay(fd);
    shared->connections_total++;
    shared->connections_open++;
    const std::shared_ptr<Lane> lane = lanes[next_lane++ % lanes.size()];
    asio::post(lane->executor(), [lane, fd, peer = peer_text(from), refuse = open >= max] {
      lane->start(fd, peer, refuse);
    });
  }

  void close_listener() {
    closing = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    socket.close();
  }
};

Server::Server(Runtime& runtime, ServerOptions options, Handler handler,
               ErrorRenderer error_renderer)
    : parts_(std::make_shared<Parts>(runtime)) {
  parts_->shared->options = std::move(options);
  parts_->shared->handler = std::move(handler);
  parts_->shared->error_renderer = std::move(error_renderer);
}

// After close(), or when the loops do not run any more.
Server::~Server() {
  if (!parts_->closing) parts_->close_listener();
}

Status Server::open() {
  XC_ASSERT(parts_->lanes.empty());
  ServerShared& shared = *parts_->shared;
  XC_TRY(const Address wanted, Address::parse(shared.options.address));
  if (!shared.options.tls.certificate.empty() || !shared.options.tls.key.empty()) {
    XC_TRY(SslContext context, make_server_tls(shared.options.tls));
    shared.secure = true;
    shared.put_tls(std::move(context));
  }
  XC_TRY(parts_->socket, ListenSocket::open(wanted));
  parts_->address = parts_->socket.address().text();
  const int readiness = ::fcntl(parts_->socket.fd(), F_DUPFD_CLOEXEC, 0);
  if (readiness < 0) return fail_internal(std::strerror(errno));
  parts_->acceptor.assign(readiness);
  for (int i = 0; i < parts_->runtime.threads(); ++i) {
    parts_->lanes.push_back(std::make_shared<Lane>(parts_->shared, parts_->runtime.executor(i)));
  }
  asio::post(parts_->runtime.executor(0), [parts = parts_] {
    if (!parts->closing) parts->accept_all();
  });
  return {};
}

Status Server::reload_tls(const TlsFiles& files) {
  ServerShared& shared = *parts_->shared;
  if (!shared.secure || files.certificate.empty()) {
    return fail(Code::InvalidRequest, Message::BadSetting,
                {"tls.certificate", files.certificate, "TLS on or off: restart"});
  }
  XC_TRY(SslContext context, make_server_tls(files));
  shared.put_tls(std::move(context));
  return {};
}

std::string Server::address() const { return parts_->address; }

Task<void> Server::close(Deadline deadline) {
  const std::shared_ptr<Parts> parts = parts_;
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Notifier ended(executor);
  asio::post(parts->runtime.executor(0), [parts] {
    if (!parts->closing) parts->close_listener();
  });
  for (const std::shared_ptr<Lane>& lane : parts->lanes) {
    asio::post(lane->executor(), [lane, wake = ended.waker()] { lane->drain(wake); });
  }
  bool in_time = true;
  while (in_time && parts->shared->connections_open > 0) {
    Task<bool> wait = ended.wait(deadline);
    in_time = co_await std::move(wait);
  }
  for (const std::shared_ptr<Lane>& lane : parts->lanes) {
    asio::post(lane->executor(), [lane] { lane->abort(); });
  }
  // Cancelled handlers unwind at their next await; one that never awaits is not waited for long.
  const Deadline last = Deadline::after(limits::kLingerTimeout);
  bool unwinding = true;
  while (unwinding && parts->shared->connections_open > 0) {
    Task<bool> wait = ended.wait(last);
    unwinding = co_await std::move(wait);
  }
}

Server::Counters Server::counters() const {
  const ServerShared& shared = *parts_->shared;
  return {shared.connections_total, shared.connections_open, shared.requests_total,
          shared.refused_total};
}

}  // namespace xc::net
