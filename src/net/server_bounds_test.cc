// What a careless or hostile client sees.
#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

class ServerBounds : public testing::Test {
 protected:
  // The whole answer to these bytes.
  std::string answer(std::string_view bytes) {
    RawClient client(server.address());
    client.send(bytes);
    return client.read_all();
  }
  static ServerOptions small() {
    ServerOptions options = quick_options();
    options.body_bytes_max = 100;
    return options;
  }

  Loops loops;
  RunningServer server{loops, small(), echo};
};

TEST_F(ServerBounds, ten_thousand_headers) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\n";
  for (int i = 0; i < 10'000; ++i) bytes += "X-" + std::to_string(i) + ": y\r\n";
  const std::string reply = answer(bytes + "\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 431 ")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\nHeadTooLarge /")) << reply;
  EXPECT_NE(reply.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(server.server.counters().refused_total, 1u);
}

TEST_F(ServerBounds, one_long_header) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(100'000, 'x');
  EXPECT_TRUE(answer(bytes).starts_with("HTTP/1.1 431 "));
}

TEST_F(ServerBounds, a_body_over_the_limit) {
  const std::string head = "POST /p HTTP/1.1\r\nHost: x\r\n";
  // At once, before the body and without a 100 Continue.
  const std::string by_length =
      answer(head + "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  EXPECT_TRUE(by_length.starts_with("HTTP/1.1 413 ")) << by_length;
  EXPECT_TRUE(by_length.ends_with("BodyTooLarge /p")) << by_length;
  // The reply is not lost to a reset, though much is still on its way.
  const std::string big(4u << 20, 'x');
  EXPECT_TRUE(answer(head + "Content-Length: 4194304\r\n\r\n" + big).starts_with("HTTP/1.1 413 "));
  std::string chunks = head + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunks += "a\r\n0123456789\r\n";
  EXPECT_TRUE(answer(chunks).starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerBounds, bad_http) {
  for (const char* bytes :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const std::string reply = answer(bytes);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << reply;
    EXPECT_EQ(reply.find("/admin"), std::string::npos) << reply;
  }
}

TEST_F(ServerBounds, a_cut_body_is_a_bad_request) {
  for (const char* bytes :
       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab", "GET / HT"}) {
    RawClient client(server.address());
    EXPECT_TRUE(client.send(bytes));
    client.shutdown_write();
    EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 400 ")) << bytes;
  }
  EXPECT_EQ(server.server.counters().requests_total, 0u);
}

TEST_F(ServerBounds, slow_heads_and_bodies_time_out) {
  RawClient silent(server.address());
  RawClient head(server.address());
  RawClient body(server.address());
  EXPECT_TRUE(head.send("GET / HTTP/1.1\r\nHos"));
  EXPECT_TRUE(body.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab"));
  const std::string late_head = head.read_all();
  EXPECT_TRUE(late_head.starts_with("HTTP/1.1 408 ")) << late_head;
  const std::string late_body = body.read_all();
  EXPECT_TRUE(late_body.starts_with("HTTP/1.1 408 ")) << late_body;
  EXPECT_TRUE(late_body.ends_with("RequestTimeout /b")) << late_body;
  EXPECT_EQ(silent.read_all(), "");  // said nothing, is told nothing
}

TEST_F(ServerBounds, errors_to_head_have_no_body) {
  const std::string reply = answer("HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 ")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\n")) << reply;
}

TEST(ServerLimits, idle_connections_are_closed) {
  Loops loops;
  ServerOptions options = quick_options();
  options.idle_timeout = 1s;
  RunningServer server(loops, options, echo);
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
  client.read_until("GET /x ");
  EXPECT_TRUE(client.at_end());
}

TEST(ServerLimits, one_connection_too_many_is_told) {
  Loops loops;
  ServerOptions options = quick_options();
  options.connections_max = 1;
  RunningServer server(loops, options, echo);
  RawClient first(server.address());
  EXPECT_TRUE(eventually([&] { return server.server.counters().connections_open == 1; }));
  RawClient second(server.address());
  const std::string reply = second.read_until("TooManyConnections ");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
  EXPECT_NE(reply.find("Retry-After: 1\r\n"), std::string::npos) << reply;
  EXPECT_TRUE(first.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(first.read_until("GET /x ").starts_with("HTTP/1.1 200"));
}

// A client that reads nothing stops the handler at write(): first held back, then given up.
TEST(ServerLimits, a_stream_nobody_reads_times_out) {
  Loops loops;
  std::atomic<std::size_t> written{0};
  std::atomic<bool> refused{false};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    Task<Status> beginning = exchange.begin_stream(200, "text/plain");
    Status status = co_await std::move(beginning);
    const std::string piece(64 * 1024, 'x');
    while (status) {
      Task<Status> writing = exchange.write(piece);
      status = co_await std::move(writing);
      if (status) written += piece.size();
    }
    refused = true;
  });
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(eventually([&] { return refused.load(); }));
  EXPECT_LT(written, 64u << 20);  // what two kernel buffers hold, not more
  EXPECT_FALSE(client.read_all().ends_with("0\r\n\r\n"));
}

Task<void> tell_peer(Exchange& exchange) {
  Task<Status> replying = exchange.reply(200, "text/plain", exchange.request().peer);
  co_await std::move(replying);
}

TEST_F(ServerBounds, a_trusted_proxy_names_the_client_and_must) {
  ServerOptions options = quick_options();
  options.proxies = {*AddressRange::parse("127.0.0.0/8")};
  RunningServer proxied(loops, options, tell_peer);
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  RawClient slow(proxied.address());
  for (const char c : std::string("PROXY TCP4 203.0.113.9 198.51.100.1 1 443\r\n")) {
    ASSERT_TRUE(slow.send(std::string(1, c)));
    std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(slow.send(request));
  EXPECT_TRUE(slow.read_all().ends_with("203.0.113.9"));
  RawClient check(proxied.address());
  ASSERT_TRUE(check.send("PROXY UNKNOWN\r\n" + request));
  EXPECT_TRUE(check.read_all().ends_with("127.0.0.1"));
  RawClient silent(proxied.address()), plain(proxied.address());
  ASSERT_TRUE(plain.send(request));
  EXPECT_EQ(plain.read_all(), "") << "without a header nothing is answered";
  EXPECT_TRUE(silent.at_end());
}

TEST_F(ServerBounds, nobody_else_names_a_client) {
  ServerOptions options = quick_options();
  options.proxies = {*AddressRange::parse("10.0.0.0/8")};
  RunningServer proxied(loops, options, tell_peer);
  RawClient liar(proxied.address());
  ASSERT_TRUE(liar.send("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(liar.read_all().starts_with("HTTP/1.1 400"));
}

}  // namespace
}  // namespace xc::net
