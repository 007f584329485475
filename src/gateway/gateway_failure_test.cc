// Workers that die, clients that leave, answers that break off.
#include <signal.h>

#include <fstream>

#include "gateway/gateway_test.h"

namespace xc::gateway {
namespace {

const std::string kForever = R"("messages":[{"role":"user","content":"talk for ever"}])";

// The answer's text so far on a raw connection, after the worker was killed with -9.
std::string after_kill(net::RawClient& client, std::string_view first, int pid) {
  EXPECT_NE(client.read_until(first).find(first), std::string::npos);
  ::kill(pid, SIGKILL);
  return client.read_until("0\r\n\r\n");  // the end of a chunked body
}

class WorkerDeath : public GatewayTest {
 protected:
  // A worker that is there already, so that its process is known.
  int warm() {
    EXPECT_EQ(post("/tokenize", R"({"model":"f","content":"x"})").status, 200);
    return worker().pid;
  }
};

TEST_F(WorkerDeath, in_mid_stream_openai) {
  const int pid = warm();
  const auto client =
      begin("/v1/chat/completions", R"({"model":"f","stream":true,)" + kForever + "}");
  const std::string rest = after_kill(*client, "\"x\"", pid);
  EXPECT_NE(rest.find(R"(data: {"error":{"message":"模型进程中断)"), std::string::npos) << rest;
  EXPECT_EQ(rest.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(rest.ends_with("\n\n\r\n0\r\n\r\n")) << rest;
  EXPECT_EQ(post("/v1/chat/completions", chat_body("again")).status, 200);
}

TEST_F(WorkerDeath, in_mid_stream_anthropic) {
  const int pid = warm();
  const auto client =
      begin("/v1/messages", R"({"model":"f","stream":true,"max_tokens":9999,)" + kForever + "}");
  const std::string rest = after_kill(*client, "content_block_delta", pid);
  EXPECT_NE(rest.find("event: error\ndata: {\"type\":\"error\""), std::string::npos) << rest;
  EXPECT_EQ(rest.find("message_stop"), std::string::npos);
}

TEST_F(WorkerDeath, in_mid_stream_responses) {
  const int pid = warm();
  const auto client =
      begin("/v1/responses", R"({"model":"f","stream":true,"input":"talk for ever"})");
  const std::string rest = after_kill(*client, "output_text.delta", pid);
  EXPECT_NE(rest.find("event: response.failed"), std::string::npos) << rest;
}

TEST_F(WorkerDeath, before_the_first_token_is_tried_once_more) {
  const Reply reply = post("/v1/chat/completions", chat_body("die once", R"(,"stream":true)"));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.events().back().data, "[DONE]");
  EXPECT_NE(send("GET", "/metrics", "", {}).body.find("xingcha_upstream_retries_total 1"),
            std::string::npos);
}

TEST_F(WorkerDeath, twice_before_the_first_token_is_a_status) {
  const Reply reply = post("/v1/chat/completions", chat_body("die always", R"(,"stream":true)"));
  EXPECT_EQ(reply.status, 502) << reply.body;
  EXPECT_TRUE(reply.at("/error/message").starts_with("模型进程中断"));
}

TEST_F(WorkerDeath, while_a_whole_answer_is_made) {
  const int pid = warm();
  const auto client = begin("/v1/chat/completions", R"({"model":"f",)" + kForever + "}");
  EXPECT_TRUE(net::eventually([this] { return worker().in_flight == 1; }));
  // The first tokens must have come, else the request is tried again.
  const std::string begun =
      R"(first_token_seconds_count{model="fake",route="/v1/chat/completions"} 1)";
  EXPECT_TRUE(net::eventually(
      [&] { return send("GET", "/metrics", "", {}).body.find(begun) != std::string::npos; }));
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(client->read_until("}}").starts_with("HTTP/1.1 502"));
}

TEST_F(GatewayTest, an_error_of_the_worker_in_mid_stream) {
  const auto events = post("/v1/chat/completions", chat_body("break late", R"(,"stream":true)"),
                           {{"Accept-Language", "en"}})
                          .events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_NE(events[0].data.find("first"), std::string::npos);
  EXPECT_NE(events[1].data.find("shutting down"), std::string::npos) << events[1].data;
  EXPECT_EQ(events[1].data.find("\"xingcha\""), std::string::npos);
  // Not streamed, nothing was sent yet: a status.
  EXPECT_EQ(post("/v1/chat/completions", chat_body("break late")).status, 503);
}

TEST_F(GatewayTest, a_client_that_leaves_stops_the_worker) {
  const auto client =
      begin("/v1/chat/completions", R"({"model":"f","stream":true,)" + kForever + "}");
  EXPECT_NE(client->read_until("\"x\"").find("200 OK"), std::string::npos);
  EXPECT_EQ(worker().in_flight, 1);
  client->close();
  EXPECT_TRUE(net::eventually([this] { return worker().in_flight == 0; }));
  EXPECT_TRUE(net::eventually([this] {
    return send("GET", "/metrics", "", {}).body.find(R"(status="499"} 1)") != std::string::npos;
  }));
}

TEST_F(GatewayTest, the_deadline_ends_an_answer) {
  const Reply reply =
      post("/v1/chat/completions", chat_body("talk for ever"), {{"X-Xingcha-Deadline", "50"}});
  EXPECT_EQ(reply.status, 408) << reply.body;
  EXPECT_NE(reply.at("/error/message").find("50 毫秒"), std::string::npos);
}

}  // namespace
}  // namespace xc::gateway
