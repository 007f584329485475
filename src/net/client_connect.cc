// From an origin to a connected stream.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

#include "base/limits.h"
#include "net/address.h"
#include "net/client_stream.h"
#include "net/link_local.h"
#include "net/listen_socket.h"

namespace xc::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using Connected = Result<std::shared_ptr<ClientStream>>;
using Endpoints = std::vector<tcp::endpoint>;

// Shared with the resolver's callback, which may come after the caller has gone: getaddrinfo
// cannot be interrupted.
struct Lookup {
  boost::system::error_code error;
  Endpoints found;
};

Task<Result<Endpoints>> resolve(std::string host, std::string port, Deadline deadline) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    const auto number = static_cast<std::uint16_t>(std::strtoul(port.c_str(), nullptr, 10));
    co_return Endpoints{tcp::endpoint(address, number)};
  }
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>();
  auto resolver = std::make_shared<tcp::resolver>(executor);
  Notifier done(executor);
  resolver->async_resolve(host, port,
                          [lookup, resolver, wake = done.waker()](
                              const boost::system::error_code& error, const auto& results) {
                            lookup->error = error;
                            for (const auto& entry : results) {
                              lookup->found.push_back(entry.endpoint());
                            }
                            wake();
                          });
  const SteadyTime started = std::chrono::steady_clock::now();
  Task<bool> waiting = done.wait(deadline);
  const bool in_time = co_await std::move(waiting);
  if (!in_time) co_return timed_out(started, deadline);
  if (lookup->error) co_return upstream_failed("DNS", lookup->error.message() + ": " + host);
  co_return std::move(lookup->found);
}

// A full backlog of a Unix socket answers EAGAIN and no event tells when there is room again.
Task<Connected> connect_unix(std::string path, Deadline deadline) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() > unix_path_bytes_max()) co_return upstream_failed("connect", "path too long");
  std::memcpy(name.sun_path, path.data(), path.size());
  const int fd = open_socket(AF_UNIX);
  if (fd < 0) co_return upstream_failed(std::strerror(errno), "socket");
  auto stream = std::make_shared<ClientStream>(executor, fd);
  const SteadyTime started = std::chrono::steady_clock::now();
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    if (errno != EAGAIN && errno != EINTR) {
      co_return upstream_failed(std::strerror(errno), "connect to " + path);
    }
    if (deadline.passed(std::chrono::steady_clock::now())) co_return timed_out(started, deadline);
    Task<void> pause = sleep_for(limits::kConnectRetry);
    co_await std::move(pause);
  }
  co_return stream;
}

Task<Connected> connect_endpoint(tcp::endpoint endpoint, Deadline deadline) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  const int fd = open_socket(endpoint.data()->sa_family);
  if (fd < 0) co_return upstream_failed(std::strerror(errno), "socket");
  auto stream = std::make_shared<ClientStream>(executor, fd);
  set_no_delay(fd);
  const int rc = ::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  if (rc == 0) co_return stream;
  if (errno != EINPROGRESS) co_return upstream_failed(std::strerror(errno), "connect");
  Task<Status> finishing = stream->finish_connect(deadline);
  Status connected = co_await std::move(finishing);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return stream;
}

// One address after the other; the last failure is the answer.
// A guarded name is judged by what it resolves to now: it may mean another address than when it was
// set (DNS rebinding).
Task<Connected> connect_tcp(std::string host, std::string port, bool guarded, Deadline deadline) {
  Task<Result<Endpoints>> resolving = resolve(host, port, deadline);
  Result<Endpoints> endpoints = co_await std::move(resolving);
  if (!endpoints) co_return std::unexpected(std::move(endpoints.error()));
  Connected last = upstream_failed("DNS", "no address for " + host);
  for (const tcp::endpoint& endpoint : *endpoints) {
    if (guarded && is_link_local(endpoint.address().to_string())) {
      last = upstream_failed("address", host + " is link-local");
      continue;
    }
    Task<Connected> connecting = connect_endpoint(endpoint, deadline);
    last = co_await std::move(connecting);
    if (last || last.error().code != Code::Upstream) co_return last;
  }
  co_return last;
}

}  // namespace

Task<Result<std::shared_ptr<ClientStream>>> connect_stream(Origin origin, SSL_CTX* tls,
                                                           Deadline deadline) {
  Task<Connected> connecting = origin.unix_path.empty()
                                   ? connect_tcp(origin.host, origin.port, origin.guarded, deadline)
                                   : connect_unix(origin.unix_path, deadline);
  Connected stream = co_await std::move(connecting);
  if (!stream || !origin.tls) co_return stream;
  Task<Status> opening = (*stream)->open_tls(tls, origin.host, deadline);
  Status opened = co_await std::move(opening);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  co_return stream;
}

}  // namespace xc::net
