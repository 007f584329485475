// Handlers that end early: the client goes, the server closes, an exception escapes.
#include "base/limits.h"
#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

struct Guard {
  std::atomic<int>& count;
  ~Guard() { ++count; }
};

// A handler that waits for ever, and counts who entered and whose destructors ran.
struct Waiting {
  std::atomic<int> entered{0};
  std::atomic<int> unwound{0};

  Handler handler() {
    return [this](Exchange& exchange) -> Task<void> {
      if (exchange.request().path != "/wait") {
        Task<void> replying = echo(exchange);
        co_await std::move(replying);
        co_return;
      }
      const Guard guard{unwound};
      ++entered;
      Task<void> sleep = sleep_for(1h);
      co_await std::move(sleep);
    };
  }
};

constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(ServerLife, a_client_that_goes_cancels_its_handler) {
  Loops loops;
  Waiting waiting;
  RunningServer server(loops, quick_options(), waiting.handler());
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kWait));
  EXPECT_TRUE(eventually([&] { return waiting.entered == 1; }));
  EXPECT_EQ(waiting.unwound, 0);
  client.close();
  EXPECT_TRUE(eventually([&] { return waiting.unwound == 1; }));
  EXPECT_TRUE(eventually([&] { return server.server.counters().connections_open == 0; }));
}

TEST(ServerLife, also_on_a_connection_that_was_kept) {
  Loops loops;
  Waiting waiting;
  RunningServer server(loops, quick_options(), waiting.handler());
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.send(kGet));
    client.read_until("GET /x ");
  }
  EXPECT_TRUE(client.send(kWait));
  EXPECT_TRUE(eventually([&] { return waiting.entered == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return waiting.unwound == 1; }));
}

// Runs on the loop's own thread, so that the loop sees all of it at once.
template <typename Act>
void behind_the_loops_back(Loops& loops, Act act) {
  loops.run([&]() -> Task<void> {
    act();
    co_return;
  });
}

TEST(ServerLife, a_client_that_goes_right_after_its_request_cancels_its_handler) {
  Loops loops;
  Waiting waiting;
  RunningServer server(loops, quick_options(), waiting.handler());
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kGet));
  client.read_until("GET /x ");
  behind_the_loops_back(loops, [&] {
    EXPECT_TRUE(client.send(kWait));
    client.close();
  });
  EXPECT_TRUE(eventually([&] { return waiting.unwound == 1; }));
  EXPECT_TRUE(eventually([&] { return server.server.counters().connections_open == 0; }));
}

TEST(ServerLife, an_end_that_came_with_a_request_ends_the_connection_after_the_reply) {
  Loops loops;
  RunningServer server(loops, quick_options(), echo);
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kGet));
  client.read_until("GET /x ");
  behind_the_loops_back(loops, [&] {
    EXPECT_TRUE(client.send(kGet));
    client.shutdown_write();
  });
  EXPECT_TRUE(client.read_until("GET /x ").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(client.at_end());
}

TEST(ServerLife, an_end_behind_pipelined_requests_cancels_none_of_them) {
  Loops loops;
  RunningServer server(loops, quick_options(), [](Exchange& exchange) -> Task<void> {
    Task<void> sleep = sleep_for(limits::kSweepInterval + 100ms);
    co_await std::move(sleep);
    Task<void> replying = echo(exchange);
    co_await std::move(replying);
  });
  RawClient client(server.address());
  behind_the_loops_back(loops, [&] {
    EXPECT_TRUE(
        client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\n\r\nGET /3"));
    client.shutdown_write();
  });
  EXPECT_TRUE(client.read_until("GET /1 ").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(client.read_until("GET /2 ").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(client.at_end());
}

// A read that is full leaves bytes behind of which no event tells.
TEST(ServerLife, a_request_behind_one_that_fills_a_whole_read_is_answered) {
  Loops loops;
  std::atomic<bool> release{false};
  std::atomic<int> entered{0};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    ++entered;
    while (!release) {
      Task<void> sleep = sleep_for(1ms);
      co_await std::move(sleep);
    }
    const std::string size = std::to_string(exchange.request().body.size());
    Task<Status> replying = exchange.reply(200, "text/plain", "size " + size + ";");
    co_await std::move(replying);
  });
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kGet));
  EXPECT_TRUE(eventually([&] { return entered == 1; }));
  const std::string head = "POST /y HTTP/1.1\r\nHost: x\r\nContent-Length: ";
  const std::size_t body = limits::kThreadBufferBytes - head.size() - 9;  // "65464\r\n\r\n"
  const std::string large = head + std::to_string(body) + "\r\n\r\n" + std::string(body, 'y');
  ASSERT_EQ(large.size(), limits::kThreadBufferBytes);
  std::thread sender([&] { EXPECT_TRUE(client.send(large + std::string(kGet))); });
  std::this_thread::sleep_for(50ms);  // let it arrive
  release = true;
  client.read_until("size 0;");
  client.read_until("size " + std::to_string(body) + ";");
  EXPECT_TRUE(client.read_until("size 0;").starts_with("HTTP/1.1 200"));
  sender.join();
}

TEST(ServerLife, pipelined_bytes_do_not_look_like_the_end) {
  Loops loops;
  std::atomic<bool> release{false};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    while (!release) {
      Task<void> sleep = sleep_for(1ms);
      co_await std::move(sleep);
    }
    Task<void> replying = echo(exchange);
    co_await std::move(replying);
  });
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kGet));
  EXPECT_TRUE(eventually([&] { return server.server.counters().requests_total == 1; }));
  EXPECT_TRUE(client.send(kGet));
  std::this_thread::sleep_for(20ms);  // let the bytes be noticed
  release = true;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(client.read_until("GET /x ").starts_with("HTTP/1.1 200")) << i;
  }
}

TEST(ServerLife, a_stream_whose_client_goes_ends_with_an_error_or_a_throw) {
  Loops loops;
  std::atomic<int> unwound{0};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    const Guard guard{unwound};
    Task<Status> beginning = exchange.begin_stream(200, "text/plain");
    Status status = co_await std::move(beginning);
    while (status) {
      Task<Status> writing = exchange.write("tick");
      status = co_await std::move(writing);
      Task<void> sleep = sleep_for(1ms);
      co_await std::move(sleep);
    }
  });
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kGet));
  client.read_until("tick");
  client.close();
  EXPECT_TRUE(eventually([&] { return unwound == 1; }));
}

TEST(ServerLife, what_a_handler_throws_becomes_500) {
  Loops loops;
  RunningServer server(loops, quick_options(), [](Exchange& exchange) -> Task<void> {
    if (exchange.request().path == "/throw") throw std::runtime_error("expected here");
    co_return;  // and no reply
  });
  RawClient client(server.address());
  for (const std::string path : {"/throw", "/silent", "/throw"}) {  // the connection goes on
    EXPECT_TRUE(client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    const std::string reply = client.read_until("InternalError " + path);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 500 ")) << reply;
    EXPECT_NE(reply.find("x-request-id: req_"), std::string::npos) << reply;
  }
}

TEST(ServerLife, a_stream_that_breaks_has_no_last_chunk) {
  Loops loops;
  RunningServer server(loops, quick_options(), [](Exchange& exchange) -> Task<void> {
    Task<Status> beginning = exchange.begin_stream(200, "text/plain");
    co_await std::move(beginning);
    Task<Status> writing = exchange.write("half");
    co_await std::move(writing);
    if (exchange.request().path == "/throw") throw std::runtime_error("expected here");
  });
  for (const std::string path : {"/throw", "/forgot"}) {
    RawClient client(server.address());
    EXPECT_TRUE(client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(client.read_all().ends_with("4\r\nhalf\r\n"));
  }
}

TEST(ServerLife, close_lets_running_exchanges_end) {
  Loops loops(2);
  std::atomic<int> entered{0};
  std::atomic<bool> release{false};
  RunningServer server(loops, quick_options(), [&](Exchange& exchange) -> Task<void> {
    if (exchange.request().path == "/wait") ++entered;
    while (exchange.request().path == "/wait" && !release) {
      Task<void> sleep = sleep_for(1ms);
      co_await std::move(sleep);
    }
    Task<void> replying = echo(exchange);
    co_await std::move(replying);
  });
  RawClient idle(server.address());
  EXPECT_TRUE(idle.send(kGet));
  idle.read_until("GET /x ");
  RawClient busy(server.address());
  EXPECT_TRUE(busy.send(kWait));
  EXPECT_TRUE(eventually([&] { return entered == 1; }));
  std::thread closing([&] { server.close(Deadline::after(5s)); });
  EXPECT_TRUE(idle.at_end());
  release = true;
  const std::string reply = busy.read_all();
  closing.join();
  EXPECT_TRUE(reply.ends_with("GET /wait ")) << reply;
  EXPECT_NE(reply.find("Connection: close"), std::string::npos) << reply;
  EXPECT_EQ(server.server.counters().connections_open, 0u);
}

TEST(ServerLife, close_cancels_at_the_deadline) {
  Loops loops(2);
  Waiting waiting;
  RunningServer server(loops, quick_options(), waiting.handler());
  RawClient client(server.address());
  EXPECT_TRUE(client.send(kWait));
  EXPECT_TRUE(eventually([&] { return waiting.entered == 1; }));
  server.close(Deadline::after(30ms));
  EXPECT_EQ(waiting.unwound, 1);
  EXPECT_EQ(server.server.counters().connections_open, 0u);
  const std::string reply = client.read_all();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
  EXPECT_TRUE(reply.ends_with("ShuttingDown /wait")) << reply;
}

TEST(ServerLife, stopped_loops_destroy_what_still_waits) {
  Waiting waiting;
  Runtime runtime(2);
  Server server(runtime, quick_options(), waiting.handler(), plain_error);
  ASSERT_TRUE(server.open());
  std::thread thread([&] { runtime.run(); });
  RawClient client(server.address());
  RawClient other(server.address());
  EXPECT_TRUE(client.send(kWait) && other.send(kWait));
  EXPECT_TRUE(eventually([&] { return waiting.entered == 2; }));
  runtime.stop();
  thread.join();  // then the server and the runtime go, with two handlers suspended
}

}  // namespace
}  // namespace xc::net
