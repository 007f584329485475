// One client's connection: reads a request, runs the handler, writes its reply, again. Internal to
// net/; server.cc makes them.
#pragma once

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "net/message_head.h"
#include "net/message_parser.h"
#include "net/server.h"
#include "net/stream.h"

namespace xc::net {

// What all connections of a server share. Outlives them; counters are for any thread.
struct ServerShared {
  ServerOptions options;
  Handler handler;
  ErrorRenderer error_renderer;
  bool secure = false;  // TLS; never changes while connections come
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> requests_total{0};
  std::atomic<std::uint64_t> refused_total{0};

  SharedSslContext tls() const {
    const std::lock_guard held(tls_mutex_);
    return tls_;
  }
  void put_tls(SslContext context) {
    const std::lock_guard held(tls_mutex_);
    tls_ = std::move(context);
  }

 private:
  mutable std::mutex tls_mutex_;
  SharedSslContext tls_;  // null: plain
};

// Lives on its executor's thread. run() is the one coroutine; everything else is a callback of the
// same thread that sets a flag and wakes it. While the handler runs, a watch on the socket stands
// ready: when it shows that the client is gone, the handler is cancelled through `cancel_`. Between
// requests run() itself waits in the watch.
//
// Deadlines are swept, not timed: setting one is a store, and sweep() looks every kSweepInterval.
// Memory at rest: no buffers, only what the request itself holds.
class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
 public:
  // refuse: one too many; told 503 at once.
  Connection(std::shared_ptr<ServerShared> shared, const boost::asio::any_io_executor& executor,
             int fd, std::string peer, bool refuse);

  Task<void> run();                              // the caller keeps a shared_ptr until it ends
  boost::asio::cancellation_slot cancel_slot();  // what run() must be spawned with
  void sweep(SteadyTime now);
  void drain();  // ends when idle, or after the exchange that runs
  void abort();  // ends now; a running handler is cancelled

  const Request& request() const override { return request_; }
  Headers& reply_headers() override { return reply_headers_; }
  Task<Status> reply(int status, std::string_view content_type, std::string body) override;
  Task<Status> reply_static(int status, std::string_view content_type,
                            std::string_view body) override;
  Task<Status> begin_stream(int status, std::string_view content_type,
                            std::string_view first) override;
  Task<Status> write(std::string_view bytes) override;
  Task<Status> end_stream(std::string_view last) override;
  bool started() const override { return started_; }

 private:
  enum class Phase { Idle, Head, Body, Handler, Ending };
  enum class Input { Bytes, End, TimedOut };  // End: nothing more will come

  // connection.cc: the loop
  Task<void> serve();
  Task<bool> run_handler();  // false: close
  Task<void> refuse(Error error);
  Task<void> linger();
  void enter(Phase phase, std::chrono::seconds limit);
  void note_escaped(const std::exception_ptr& escaped);
  // The wait for the socket to become readable; at most one. Owns the connection, and run() while
  // that waits for bytes, so that a loop that ends lets go of both.
  struct Watch {
    explicit Watch(std::shared_ptr<Connection> a_connection)
        : connection(std::move(a_connection)) {}
    void operator()(bool ready);
    std::shared_ptr<Connection> connection;
    std::move_only_function<void()> run = {};
  };
  void watch();
  void on_readable(bool cancelled);
  void look();
  void look_for_end();
  void wake();
  // For co_await, while a watch stands: until there are bytes, or wake().
  auto next_event();

  // connection_read.cc
  Task<bool> meet();  // PROXY header, TLS handshake; false: close
  Task<bool> read_proxy_header();
  Task<bool> shake_hands();
  Task<Result<bool>> read_request();  // false: the connection ended between requests
  Task<Status> advance(RequestParser& parser);
  Task<Input> read_more();
  IoResult read_once();
  Task<void> yield_turn();
  Status feed(RequestParser& parser);
  Error timed_out_error() const;

  // exchange.cc: replies and writing
  // The body is `owned`, which lives as long as the sending takes, or else `body`.
  Task<Status> send_whole(int status, std::string_view content_type, std::string_view body,
                          std::string owned);
  Task<Status> send(Gather gather);
  Task<Status> send_error(const Error& error);
  bool push(Gather& gather);                       // false: the kernel is full, or broken_
  bool has_content(std::string_view bytes) const;  // that this reply may carry
  void open_reply(std::string& out, int status, std::string_view content_type, Framing framing,
                  std::size_t body_bytes);
  Task<void> wait_for_room();

  const std::shared_ptr<ServerShared> shared_;
  const boost::asio::any_io_executor executor_;
  Stream stream_;
  Watch* watch_ = nullptr;  // in the reactor; null: none stands
  boost::asio::cancellation_signal cancel_;
  SteadyTime deadline_ = SteadyTime::max();
  std::string rest_;        // bytes that came and are not yet parsed
  std::string_view input_;  // the next bytes to parse: in rest_ or in the thread's buffer
  Request request_;
  Headers reply_headers_;
  std::string peer_;
  Phase phase_ = Phase::Idle;
  Framing framing_ = Framing::None;
  int turns_ = 0;                  // things done since others last had the thread
  bool emptied_ = false;           // the last read left nothing in the socket but perhaps its end
  bool end_may_be_there_ = false;  // so it is; no event tells, sweep() has a look
  bool look_ = false;              // read once, although a watch stands
  bool woken_ = false;             // while nobody waited
  bool timed_out_ = false;
  bool draining_ = false;
  bool aborted_ = false;     // by the server
  bool gone_ = false;        // the client went away
  bool wants_read_ = false;  // TLS must read before it can write
  bool broken_ = false;      // a write failed or was cut: nothing more can be said
  bool refuse_ = false;
  bool http_1_1_ = true;
  bool keep_alive_ = true;
  bool head_only_ = false;  // the request was HEAD
  bool started_ = false;
  bool ended_ = false;  // the reply is complete
};

}  // namespace xc::net
