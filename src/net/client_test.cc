#include "net/client.h"

#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

struct Answer {
  int status = 0;
  std::string body;
  Error error;
};

// Sends and reads to the end, on thread 0.
Task<Answer> fetch(Client& client, Origin origin, ClientRequest request, Deadline deadline) {
  Task<Result<std::unique_ptr<ClientReply>>> sending =
      client.send(origin, std::move(request), deadline);
  Result<std::unique_ptr<ClientReply>> reply = co_await std::move(sending);
  if (!reply) co_return Answer{0, "", reply.error()};
  Task<Result<std::string>> reading = (*reply)->read_all(1u << 20, deadline);
  Result<std::string> body = co_await std::move(reading);
  if (!body) co_return Answer{(*reply)->status(), "", body.error()};
  co_return Answer{(*reply)->status(), *body, {}};
}

Answer get(Loops& loops, Client& client, const Origin& origin, const std::string& target,
           Deadline deadline = Deadline::after(5s)) {
  return loops.run([&]() -> Task<Answer> {
    ClientRequest request;
    request.target = target;
    Task<Answer> fetching = fetch(client, origin, std::move(request), deadline);
    Answer answer = co_await std::move(fetching);
    co_return answer;
  });
}

// A peer that answers each connection with the next of these texts and then closes it; after a
// text that starts with '+' it takes one more request and closes without a word.
class Script {
 public:
  explicit Script(std::vector<std::string> answers) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&name), size);
    ::listen(fd_, 16);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    thread_ = std::thread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        const int peer = ::accept(fd_, nullptr, nullptr);
        read_request(peer);
        const bool once_more = answer.starts_with('+');
        const std::string text = answer.substr(once_more ? 1 : 0);
        ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
        if (once_more) read_request(peer);
        ::close(peer);
        ++answered;
      }
    });
  }
  ~Script() {
    thread_.join();
    ::close(fd_);
  }
  Origin origin() const { return *Origin::parse("http://127.0.0.1:" + std::to_string(port_)); }
  std::atomic<int> answered{0};

 private:
  static void read_request(int peer) {
    char buffer[4096];
    std::string got;
    while (got.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(peer, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      got.append(buffer, static_cast<std::size_t>(n));
    }
  }

  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Client, keeps_its_connection) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  Client client(loops.runtime);
  Origin origin = server.origin();
  origin.base_path = "/base";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(loops, client, origin, "/x?y").body, "GET /base/x?y ");
  EXPECT_EQ(server.server.counters().connections_total, 1u);
}

TEST(Client, posts_over_a_unix_socket) {
  TestFolder dir;
  Loops loops;
  ServerOptions options = quick_options();
  options.address = "unix:" + dir.path("s");
  RunningServer server(loops, options, echo);
  Client client(loops.runtime);
  const std::string body(1u << 19, 'x');
  const Answer answer = loops.run([&]() -> Task<Answer> {
    ClientRequest request{"POST", "/x", {}, body};
    Task<Answer> fetching = fetch(client, server.origin(), std::move(request), Deadline::after(5s));
    Answer got = co_await std::move(fetching);
    co_return got;
  });
  EXPECT_EQ(answer.body, "POST /x " + body);
}

TEST(Client, reads_every_kind_of_body) {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  Script peer({"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
               interim +
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n"
                   "0\r\n\r\n",
               "HTTP/1.1 200 OK\r\n\r\nabc", "HTTP/1.1 204 No Content\r\n\r\n"});
  Loops loops;
  Client client(loops.runtime, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(loops, client, peer.origin(), "/").body, "abc") << i;
  EXPECT_EQ(get(loops, client, peer.origin(), "/").status, 204);
}

TEST(Client, a_broken_reply_is_an_upstream_error) {
  const std::vector<std::string> broken{
      "",
      "HTTP/1.1 200 OK\r\nContent-Le",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
      "nonsense\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x')};
  Script peer(broken);
  Loops loops;
  Client client(loops.runtime);
  for (const std::string& text : broken) {
    const Answer answer = get(loops, client, peer.origin(), "/");
    EXPECT_EQ(answer.error.message, Message::UpstreamFailed) << text.substr(0, 80);
    EXPECT_EQ(answer.error.code, Code::Upstream) << text.substr(0, 80);
  }
}

TEST(Client, a_stale_connection_is_replaced_once) {
  Loops loops;
  Client client(loops.runtime);
  // Says keep-alive and closes: what a restarted endpoint looks like.
  const std::string kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
  Script peer({kept, kept, kept});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get(loops, client, peer.origin(), "/").body, "a") << i;
    EXPECT_TRUE(eventually([&] { return peer.answered == i + 1; }));
  }
}

// Bytes that came after a reply would be the next caller's: they are seen however late they came,
// also since the loop last looked for events. The loop does not run between the two requests here.
TEST(Client, what_a_peer_sends_too_late_begins_no_other_reply) {
  const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(name);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size);
  std::atomic<bool> answered{false}, sent_late{false};
  std::thread peer([&] {
    char buffer[4096];
    const int first = ::accept(listener, nullptr, nullptr);
    EXPECT_GT(::recv(first, buffer, sizeof(buffer), 0), 0);
    const std::string a = good + "a";
    ::send(first, a.data(), a.size(), MSG_NOSIGNAL);
    EXPECT_TRUE(eventually([&] { return answered.load(); }));
    const std::string another = good + "X";
    ::send(first, another.data(), another.size(), MSG_NOSIGNAL);
    sent_late = true;
    const int second = ::accept(listener, nullptr, nullptr);
    EXPECT_GT(::recv(second, buffer, sizeof(buffer), 0), 0);
    const std::string b = good + "b";
    ::send(second, b.data(), b.size(), MSG_NOSIGNAL);
    ::close(second);
    ::close(first);
  });
  Loops loops;
  Client client(loops.runtime);
  const Origin origin = *Origin::parse("http://127.0.0.1:" + std::to_string(ntohs(name.sin_port)));
  loops.run([&]() -> Task<void> {
    ClientRequest request;
    request.target = "/";
    Task<Answer> fetching = fetch(client, origin, request, Deadline::after(5s));
    const Answer first = co_await std::move(fetching);
    EXPECT_EQ(first.body, "a");
    answered = true;
    EXPECT_TRUE(eventually([&] { return sent_late.load(); }));
    Task<Answer> again = fetch(client, origin, request, Deadline::after(5s));
    const Answer second = co_await std::move(again);
    EXPECT_EQ(second.body, "b");
  });
  peer.join();
  ::close(listener);
}

// The peer closes when the next request is already on its way: the pool cannot have known.
TEST(Client, a_request_into_a_closing_connection_is_sent_again) {
  Loops loops;
  Client client(loops.runtime);
  const std::string kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
  Script peer({"+" + kept, kept});
  EXPECT_EQ(get(loops, client, peer.origin(), "/").body, "a");
  EXPECT_EQ(get(loops, client, peer.origin(), "/").body, "a");
}

TEST(Client, a_new_connection_that_breaks_is_not_retried) {
  Loops loops;
  Client client(loops.runtime);
  Script peer({"", ""});
  EXPECT_EQ(get(loops, client, peer.origin(), "/").error.code, Code::Upstream);
  EXPECT_EQ(peer.answered, 1);
  get(loops, client, peer.origin(), "/");
}

TEST(Client, deadlines_bound_head_and_body) {
  Loops loops;
  RunningServer server(loops, quick_options(), [](Exchange& exchange) -> Task<void> {
    if (exchange.request().path == "/body") {
      Task<Status> beginning = exchange.begin_stream(200, "text/plain");
      co_await std::move(beginning);
    }
    Task<void> sleep = sleep_for(1h);
    co_await std::move(sleep);
  });
  Client client(loops.runtime);
  for (const std::string target : {"/head", "/body"}) {
    const Answer answer = get(loops, client, server.origin(), target, Deadline::after(50ms));
    EXPECT_EQ(answer.error.code, Code::Timeout) << target;
    EXPECT_EQ(answer.error.message, Message::Deadline);
  }
  EXPECT_EQ(get(loops, client, server.origin(), "/", Deadline::after(-1s)).error.code,
            Code::Timeout);
}

TEST(Client, nobody_there) {
  Loops loops;
  Client client(loops.runtime);
  Origin closed;
  {
    RunningServer server(loops, quick_options(), echo);
    closed = server.origin();
  }
  EXPECT_EQ(get(loops, client, closed, "/").error.code, Code::Upstream);
  EXPECT_EQ(get(loops, client, *Origin::parse("unix:/no/such/socket"), "/").error.code,
            Code::Upstream);
  EXPECT_EQ(get(loops, client, *Origin::parse("http://name.invalid"), "/").error.code,
            Code::Upstream);
  EXPECT_EQ(get(loops, client, closed, "/a b").error.code, Code::Internal);
}

TEST(Client, a_reply_dropped_early_cancels_the_handler_upstream) {
  Loops loops;
  std::atomic<bool> unwound{false};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    struct Guard {
      std::atomic<bool>& flag;
      ~Guard() { flag = true; }
    } guard{unwound};
    Task<Status> beginning = exchange.begin_stream(200, "text/plain");
    co_await std::move(beginning);
    Task<Status> writing = exchange.write("first");
    co_await std::move(writing);
    Task<void> sleep = sleep_for(1h);
    co_await std::move(sleep);
  });
  Client client(loops.runtime);
  loops.run([&]() -> Task<void> {
    const Origin origin = server.origin();
    Task<Result<std::unique_ptr<ClientReply>>> sending =
        client.send(origin, {}, Deadline::after(5s));
    Result<std::unique_ptr<ClientReply>> no_target = co_await std::move(sending);
    EXPECT_FALSE(no_target);
    ClientRequest request;
    request.target = "/";
    Task<Result<std::unique_ptr<ClientReply>>> again =
        client.send(origin, std::move(request), Deadline::after(5s));
    Result<std::unique_ptr<ClientReply>> reply = co_await std::move(again);
    std::string out;
    Task<Result<bool>> reading = (*reply)->read_some(out, Deadline::after(5s));
    Result<bool> more = co_await std::move(reading);
    EXPECT_TRUE(more && *more);
    EXPECT_EQ(out, "first");
    EXPECT_FALSE(unwound);
  });
  EXPECT_TRUE(eventually([&] { return unwound.load(); }));
}

TEST(Client, a_reply_may_outlive_the_loops_and_the_client) {
  Loops loops;
  std::unique_ptr<ClientReply> kept;
  Server server(
      loops.runtime, quick_options(),
      [](Exchange& exchange) -> Task<void> {
        Task<Status> beginning = exchange.begin_stream(200, "text/plain");
        co_await std::move(beginning);
        Task<void> sleep = sleep_for(1h);
        co_await std::move(sleep);
      },
      plain_error);
  ASSERT_TRUE(server.open());
  {
    Client client(loops.runtime);
    loops.run([&]() -> Task<void> {
      const Origin origin = *Origin::parse("http://" + server.address());
      ClientRequest request;
      request.target = "/";
      Task<Result<std::unique_ptr<ClientReply>>> sending =
          client.send(origin, std::move(request), Deadline::after(5s));
      Result<std::unique_ptr<ClientReply>> reply = co_await std::move(sending);
      kept = std::move(*reply);
    });
  }
  loops.stop();
  kept.reset();
}

}  // namespace
}  // namespace xc::net
