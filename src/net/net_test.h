// What the tests of net/ share: running loops, a server on a free port, a raw client socket.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "base/test_folder.h"
#include "net/address.h"
#include "net/client.h"
#include "net/server.h"

namespace xc::net {

// A runtime whose loops run on other threads while the test waits.
class Loops {
 public:
  explicit Loops(int threads = 1) : runtime(threads), thread_([this] { runtime.run(); }) {}
  ~Loops() { stop(); }

  void stop() {
    runtime.stop();
    if (thread_.joinable()) thread_.join();
  }

  // Runs the coroutine on thread 0 and waits for its value.
  template <typename Make>
  auto run(Make make) {
    return boost::asio::co_spawn(runtime.executor(0), std::move(make), boost::asio::use_future)
        .get();
  }

  Runtime runtime;

 private:
  std::thread thread_;
};

// "code path" as the body of an error: enough to see what the server meant.
inline ErrorReply plain_error(const Error& error, std::string_view path, std::string_view) {
  return {"text/plain", std::string(name_of(error.message)) + " " + std::string(path)};
}

inline ServerOptions quick_options() {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  options.head_timeout = std::chrono::seconds(1);
  options.body_timeout = std::chrono::seconds(1);
  options.write_timeout = std::chrono::seconds(1);
  return options;
}

// By the name that engine/worker's tests know.
struct TempDir : TestFolder {
  std::string file(std::string_view name) const { return path(name); }
};

// A blocking client that says exactly what the test wants. Reads give up after five seconds.
class RawClient {
 public:
  explicit RawClient(const std::string& address) {
    const Address where = *Address::parse(address);
    sockaddr_storage name{};
    socklen_t size = sizeof(sockaddr_in);
    if (where.unix_path.empty()) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(where.port);
      v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      auto* local = reinterpret_cast<sockaddr_un*>(&name);
      local->sun_family = AF_UNIX;
      where.unix_path.copy(local->sun_path, sizeof(local->sun_path) - 1);
      size = sizeof(sockaddr_un);
    }
    fd_ = ::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&name), size), 0);
  }
  ~RawClient() { close(); }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  int fd() const { return fd_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // Until `end` is in what was read since the last call, or the peer closes.
  std::string read_until(std::string_view end) {
    while (end.empty() || seen_.find(end) == std::string::npos) {
      if (!read_more()) return std::exchange(seen_, {});
    }
    const std::size_t size = seen_.find(end) + end.size();
    std::string out = seen_.substr(0, size);
    seen_.erase(0, size);
    return out;
  }
  std::string read_all() { return read_until(""); }
  // The peer has ended the connection, cleanly or not.
  bool at_end() {
    while (read_more()) seen_.clear();
    return !timed_out_;
  }

 private:
  bool read_more() {
    pollfd ready{fd_, POLLIN, 0};
    timed_out_ = ::poll(&ready, 1, 5000) <= 0;
    char buffer[4096];
    const ssize_t n = timed_out_ ? 0 : ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    seen_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int fd_ = -1;
  bool timed_out_ = false;
  std::string seen_;
};

// Waits for something that another thread will make true.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// A server that runs from here to the end of the scope.
class RunningServer {
 public:
  RunningServer(Loops& loops, ServerOptions options, Handler handler)
      : loops_(loops), server(loops.runtime, std::move(options), std::move(handler), plain_error) {
    const Status opened = server.open();
    EXPECT_TRUE(opened) << (opened ? "" : text_of(opened.error(), Language::En));
  }
  ~RunningServer() { close(Deadline::after(std::chrono::seconds(2))); }

  void close(Deadline deadline) {
    loops_.run([this, deadline]() -> Task<void> {
      Task<void> closing = server.close(deadline);
      co_await std::move(closing);
    });
  }
  std::string address() const { return server.address(); }
  Origin origin() const {
    const std::string at = server.address();
    return *Origin::parse(at.starts_with("unix:") ? at : "http://" + at);
  }

 private:
  Loops& loops_;

 public:
  Server server;
};

// Says what it got: "METHOD path?query body".
inline Task<void> echo(Exchange& exchange) {
  const Request& request = exchange.request();
  std::string text = request.method + " " + request.path;
  if (!request.query.empty()) text += "?" + request.query;
  text += " " + request.body;
  Task<Status> replying = exchange.reply(200, "text/plain", std::move(text));
  co_await std::move(replying);
}

}  // namespace xc::net
