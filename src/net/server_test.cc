// What a well-behaved client sees.
#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

Task<void> stream_three(Exchange& exchange) {
  exchange.reply_headers().set("X-Kind", "stream");
  Task<Status> beginning = exchange.begin_stream(200, "text/event-stream");
  co_await std::move(beginning);
  for (const char* piece : {"one", "", "two", "three"}) {
    Task<Status> writing = exchange.write(piece);
    co_await std::move(writing);
  }
  Task<Status> ending = exchange.end_stream();
  co_await std::move(ending);
}

TEST(Server, keeps_the_connection_and_answers_in_order) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET /a%20b?q=1 HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string first = client.read_until("GET /a b?q=1 ");
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
  EXPECT_NE(first.find("Content-Length: 13\r\n"), std::string::npos) << first;
  EXPECT_NE(first.find("Date: "), std::string::npos);
  EXPECT_EQ(first.find("Connection:"), std::string::npos);
  std::string pipelined;
  for (int i = 0; i < 100; ++i) {
    pipelined +=
        "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
  }
  EXPECT_TRUE(client.send(pipelined));
  for (int i = 0; i < 100; ++i) {
    const std::string want = "POST /" + std::to_string(i) + " hi";
    EXPECT_TRUE(client.read_until(want).starts_with("HTTP/1.1 200")) << i;
  }
  EXPECT_EQ(server.server.counters().requests_total, 101u);
  EXPECT_EQ(server.server.counters().connections_total, 1u);
}

TEST(Server, a_request_in_single_bytes) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient client(server.address());
  for (const char c :
       std::string("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n0\r\n\r\n")) {
    EXPECT_TRUE(client.send({&c, 1}));
  }
  EXPECT_NE(client.read_until("POST /x abc").find("200 OK"), std::string::npos);
}

TEST(Server, a_large_body_both_ways) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient client(server.address());
  const std::string body(8u << 20, 'x');
  std::thread sender([&] {
    client.send("POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  const std::string reply = client.read_all();
  sender.join();
  EXPECT_NE(reply.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n\r\nPOST /x " + body));
}

TEST(Server, streams_are_chunked) {
  Loops loops;
  RunningServer server(loops, quick_options(), stream_three);
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string reply = client.read_until("0\r\n\r\n");
  EXPECT_NE(reply.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_NE(reply.find("X-Kind: stream\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")) << reply;
}

TEST(Server, http_1_0_streams_until_close) {
  Loops loops;
  RunningServer server(loops, quick_options(), stream_three);
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const std::string reply = client.read_all();
  EXPECT_TRUE(reply.starts_with("HTTP/1.0 200")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\nonetwothree")) << reply;
  EXPECT_EQ(reply.find("chunked"), std::string::npos);
}

TEST(Server, http_1_0_closes_unless_asked) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient plain(server.address());
  EXPECT_TRUE(plain.send("GET /x HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(plain.read_all().ends_with("GET /x "));
  RawClient kept(server.address());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(kept.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    const std::string reply = kept.read_until("GET /x ");
    EXPECT_NE(reply.find("Connection: keep-alive"), std::string::npos) << reply;
  }
}

TEST(Server, head_has_the_head_only) {
  Loops loops;
  RunningServer whole(loops, quick_options(), echo);
  RunningServer streamed(loops, quick_options(), stream_three);
  for (RunningServer* server : {&whole, &streamed}) {
    RawClient client(server->address());
    EXPECT_TRUE(client.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const std::string reply = client.read_all();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200")) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\n")) << reply;
  }
}

TEST(Server, no_content_has_no_length) {
  Loops loops;
  RunningServer server(loops, quick_options(), [](Exchange& exchange) -> Task<void> {
    Task<Status> replying = exchange.reply(204, "", "");
    co_await std::move(replying);
  });
  RawClient client(server.address());
  EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string reply = client.read_all();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 204 No Content\r\n"));
  EXPECT_EQ(reply.find("Content-Length"), std::string::npos);
}

TEST(Server, expect_100_continue) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient client(server.address());
  EXPECT_TRUE(client.send(
      "POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(client.send("abc"));
  EXPECT_TRUE(client.read_until("POST /x abc").starts_with("HTTP/1.1 200"));
}

TEST(Server, connections_spread_over_the_threads) {
  Loops loops(3);
  std::atomic<int> seen{0};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    seen |= 1 << Runtime::this_thread();
    Task<void> replying = echo(exchange);
    co_await std::move(replying);
  });
  for (int i = 0; i < 6; ++i) {
    RawClient client(server.address());
    EXPECT_TRUE(client.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.read_until("GET /x ");
  }
  EXPECT_EQ(seen, 7);
}

TEST(Server, a_unix_socket) {
  TestFolder dir;
  Loops loops;
  ServerOptions options = quick_options();
  options.address = "unix:" + dir.path("s");
  std::string peer;
  {
    RunningServer server(loops, options, [&](Exchange& exchange) -> Task<void> {
      peer = exchange.request().peer;
      Task<void> replying = echo(exchange);
      co_await std::move(replying);
    });
    RawClient client(server.address());
    EXPECT_TRUE(client.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.read_until("GET /x ");
    EXPECT_EQ(peer, "unix");
    Server second(loops.runtime, options, echo, plain_error);
    const Status opened = second.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message, Message::PortInUse);
  }
  EXPECT_FALSE(std::filesystem::exists(dir.path("s")));
}

TEST(Server, a_dead_unix_socket_is_replaced_a_file_is_not) {
  TestFolder dir;
  Loops loops;
  ServerOptions options = quick_options();
  options.address = "unix:" + dir.path("s");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  dir.path("s").copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ::close(dead);
  ASSERT_TRUE(std::filesystem::exists(dir.path("s")));
  {
    RunningServer server(loops, options, echo);
  }
  std::filesystem::create_directory(dir.path("s"));
  Server refused(loops.runtime, options, echo, plain_error);
  const Status opened = refused.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, Message::FileError);
}

TEST(Server, what_cannot_be_opened) {
  Loops loops;
  RunningServer first(loops, quick_options(), echo);
  auto message_of = [&](const std::string& address, const std::string& certificate) {
    ServerOptions options = quick_options();
    options.address = address;
    options.tls.certificate = certificate;
    Server server(loops.runtime, options, echo, plain_error);
    const Status opened = server.open();
    return opened ? Message::None : opened.error().message;
  };
  EXPECT_EQ(message_of(first.address(), ""), Message::PortInUse);
  EXPECT_EQ(message_of("nonsense", ""), Message::BadSetting);
  EXPECT_EQ(message_of("203.0.113.1:0", ""), Message::BadSetting);  // not an address of ours
  EXPECT_EQ(message_of("unix:/no/such/folder/s", ""), Message::FileError);
  EXPECT_EQ(message_of("127.0.0.1:0", "/no/such/file"), Message::BadSetting);
}

}  // namespace
}  // namespace xc::net
