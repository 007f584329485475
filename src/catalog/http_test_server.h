// A little HTTP server for tests: one thread, one request a connection, answers from a function
// that may cut the body short.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace xc::catalog {

class HttpTestServer {
 public:
  // Gets the request's head, gives all bytes of the reply.
  using Answer = std::function<std::string(const std::string& head)>;

  explicit HttpTestServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpTestServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

  // "HTTP/1.1 200 OK" with the length of `body`, of which only `sent` bytes go out.
  static std::string ok(const std::string& body, std::size_t sent = std::string::npos) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n\r\n" + body.substr(0, sent);
  }
  static std::string status(const std::string& line) {
    return "HTTP/1.1 " + line + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
  // 206 when the head asks for a range, else 200.
  static std::string ranged(const std::string& head, const std::string& body,
                            std::size_t sent = std::string::npos) {
    const std::size_t at = head.find("Range: bytes=");
    if (at == std::string::npos) return ok(body, sent);
    const std::size_t start = std::stoull(head.substr(at + 13));
    if (start >= body.size()) return status("416 Range Not Satisfiable");
    return "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(start) + "-" +
           std::to_string(body.size() - 1) + "/" + std::to_string(body.size()) +
           "\r\nContent-Length: " + std::to_string(body.size() - start) +
           "\r\nConnection: close\r\n\r\n" + body.substr(start).substr(0, sent);
  }

 private:
  void serve() {
    while (!stopping_) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) continue;
      std::string head;
      char buffer[4096];
      while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(peer, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        head.append(buffer, static_cast<std::size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        heads_.push_back(head);
      }
      const std::string reply = answer_(head);
      std::size_t sent = 0;
      while (sent < reply.size()) {
        const ssize_t n = ::send(peer, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      ::close(peer);
    }
  }

  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::thread thread_;
};

}  // namespace xc::catalog
