// Workers that are replaced while they answer.
#include <future>

#include "gateway/gateway_test.h"

namespace xc::gateway {
namespace {

const std::string kCount = "count to four hundred";

class HandOver : public GatewayTest {
 protected:
  std::future<Reply> ask(std::string path, std::string body) {
    return std::async(std::launch::async, [this, path, body] { return post(path, body); });
  }
  bool busy() {
    return net::eventually([this] { return worker().in_flight > 0; });
  }
  void restart(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(busy());
      const Reply reply = post("/admin/models/f/restart", "{}");
      EXPECT_EQ(reply.body, R"({"restarted":"fake"})");
    }
  }
  std::string metrics() { return send("GET", "/metrics", "", {}).body; }
  static std::string count() {
    std::string text;
    for (int i = 1; i <= 400; ++i) text += std::to_string(i) + " ";
    return text;
  }
};

TEST_F(HandOver, a_stream_goes_on_as_if_nothing_had_happened) {
  auto later =
      ask("/v1/chat/completions",
          chat_body(kCount, R"(,"n":2,"stream":true,"stream_options":{"include_usage":true})"));
  restart(2);
  const Reply reply = later.get();
  std::string said[2];
  std::string ids;
  int roles = 0;
  int usages = 0;
  const auto events = reply.events();
  EXPECT_EQ(events.back().data, "[DONE]");
  for (const auto& event : events) {
    EXPECT_EQ(event.event, "");
    if (event.data == "[DONE]") continue;
    const auto chunk = boost::json::parse(event.data).as_object();
    if (ids.empty()) ids = chunk.at("id").as_string();
    EXPECT_EQ(chunk.at("id").as_string(), ids);
    for (const auto& choice : chunk.at("choices").as_array()) {
      const auto& delta = choice.at("delta").as_object();
      roles += delta.contains("role") ? 1 : 0;
      if (const auto* content = delta.if_contains("content"); content && content->is_string()) {
        said[choice.at("index").as_int64()] += std::string(content->as_string());
      }
    }
    if (const auto* usage = chunk.if_contains("usage"); usage && usage->is_object()) {
      ++usages;
      EXPECT_EQ(usage->at("completion_tokens").as_int64(), 800);
      EXPECT_EQ(usage->at("prompt_tokens").as_int64(), 21);
    }
  }
  EXPECT_EQ(said[0], count());
  EXPECT_EQ(said[1], count());
  EXPECT_EQ(roles, 2);
  EXPECT_EQ(usages, 1);
  EXPECT_NE(metrics().find("xingcha_handovers_total"), std::string::npos);
  EXPECT_EQ(metrics().find("xingcha_handovers_total 0"), std::string::npos);
}

TEST_F(HandOver, a_whole_answer_too) {
  auto later = ask("/v1/chat/completions", chat_body(kCount));
  restart(1);
  const Reply reply = later.get();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/choices/0/message/content"), count());
  EXPECT_EQ(reply.at("/usage/completion_tokens"), "400");
  EXPECT_EQ(reply.at("/choices/0/finish_reason"), "stop");
}

TEST_F(HandOver, every_shape) {
  auto message =
      ask("/v1/messages",
          R"({"model":"f","stream":true,"max_tokens":9999,"messages":[{"role":"user","content":")" +
              kCount + R"("}]})");
  auto completion =
      ask("/v1/completions", R"({"model":"f","max_tokens":999,"prompt":")" + kCount + R"("})");
  auto response = ask("/v1/responses", R"({"model":"f","input":")" + kCount + R"("})");
  restart(1);
  const Reply told = message.get();
  EXPECT_EQ(told.events().back().event, "message_stop");
  EXPECT_EQ(told.body.find("event: error"), std::string::npos);
  EXPECT_EQ(completion.get().at("/choices/0/text"), count());
  EXPECT_EQ(response.get().at("/output/0/content/0/text"), count());
}

TEST_F(HandOver, a_caller_that_leaves_in_the_pause_frees_everything) {
  const auto client =
      begin("/v1/chat/completions", chat_body("talk for ever", R"(,"stream":true)"));
  EXPECT_NE(client->read_until("\"x\"").find("\"x\""), std::string::npos);
  auto restarted = ask("/admin/models/f/restart", "{}");
  client->close();
  EXPECT_EQ(restarted.get().status, 200);
  EXPECT_TRUE(net::eventually([this] { return worker().in_flight == 0; }));
}

TEST_F(HandOver, the_deadline_goes_on_in_the_pause) {
  auto later = std::async(std::launch::async, [this] {
    return post("/v1/chat/completions", chat_body("talk for ever", R"(,"stream":true)"),
                {{"X-Xingcha-Deadline", "2500"}, {"Accept-Language", "en"}});
  });
  restart(1);
  const Reply late = later.get();
  EXPECT_NE(late.body.find("deadline of 2500 ms"), std::string::npos) << late.body.substr(0, 300);
  EXPECT_TRUE(net::eventually([this] { return worker().in_flight == 0; }));
}

TEST_F(HandOver, too_many_are_an_error_not_a_loop) {
  auto later = ask("/v1/chat/completions", chat_body("talk for ever", R"(,"stream":true)"));
  const auto over = [&later] {
    return later.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  for (int i = 0; i <= limits::kHandoversMax; ++i) {
    ASSERT_TRUE(net::eventually([&] { return over() || worker().in_flight > 0; }));
    ASSERT_EQ(over(), i > limits::kHandoversMax);
    EXPECT_EQ(post("/admin/models/f/restart", "{}").status, 200);
  }
  const Reply ended = later.get();
  EXPECT_NE(ended.body.find(R"({"error":{"message":"模型进程中断)"), std::string::npos);
}

TEST_F(HandOver, the_internal_header_of_a_caller_goes_no_further) {
  const Reply reply = post("/v1/chat/completions", chat_body("hello"), {{"X-Xingcha-Resume", "4"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/choices/0/message/content"), "hello");
}

TEST_F(HandOver, what_does_not_run_cannot_be_restarted) {
  EXPECT_EQ(post("/admin/models/f/restart", "{}").status, 404);
  EXPECT_EQ(post("/admin/models/nothing/restart", "{}").status, 404);
}

}  // namespace
}  // namespace xc::gateway
