// Streams that break off at an endpoint and go on at another one.
#include "gateway/gateway_pools_test.h"

namespace xc::gateway {
namespace {

const std::string kGoesOn = R"(,"continues":true)";
const std::string kLost = "上游服务中断";

class ContinuationTest : public PoolTest {
 protected:
  Reply stream(const std::string& more = "") {
    return post(
        "/v1/chat/completions",
        R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true)" + more + "}");
  }
  // Of a chat's stream.
  struct Heard {
    std::string text;
    std::set<std::string> ids;
    int finishes = 0, usages = 0;
    std::int64_t prompt = 0, completion = 0;
    std::string last;
  };
  static Heard hear(const Reply& reply) {
    Heard heard;
    for (const auto& event : reply.events()) {
      heard.last = event.data;
      if (event.data == "[DONE]" || event.data.find("\"choices\"") == std::string::npos) continue;
      const auto document = boost::json::parse(event.data);
      const auto& chunk = document.as_object();
      heard.ids.insert(std::string(chunk.at("id").as_string()));
      for (const auto& choice : chunk.at("choices").as_array()) {
        const auto& delta = choice.at("delta").as_object();
        if (const auto* said = delta.if_contains("content"); said && said->is_string()) {
          heard.text += std::string(said->as_string());
        }
        heard.finishes += choice.at("finish_reason").is_string() ? 1 : 0;
      }
      const auto* usage = chunk.if_contains("usage");
      if (usage == nullptr || !usage->is_object()) continue;
      ++heard.usages;
      heard.prompt = usage->at("prompt_tokens").as_int64();
      heard.completion = usage->at("completion_tokens").as_int64();
    }
    return heard;
  }
  std::string records() {
    std::string found;
    EXPECT_TRUE(net::eventually([&] {
      found = get("/admin/audit/records?limit=50").body;
      return found.find("\"endpoint\"") != std::string::npos;
    }));
    return found;
  }
};

// However it breaks and wherever: one stream, one id, one finish, each token counted once.
class BreaksOff : public ContinuationTest, public testing::WithParamInterface<const char*> {};

TEST_P(BreaksOff, and_another_goes_on) {
  endpoints({GetParam(), "tale"}, kGoesOn);
  ASSERT_EQ(put("/admin/quotas",
                R"({"scope":"tenant","name":"default","limits":{"tokens_per_day":100000}})")
                .status,
            200);
  const Heard heard = hear(stream(R"(,"max_tokens":50,"stream_options":{"include_usage":true})"));
  EXPECT_EQ(heard.text, tale());
  EXPECT_EQ(heard.last, "[DONE]");
  EXPECT_EQ(heard.ids.size(), 1u);
  EXPECT_EQ(heard.finishes, 1);
  EXPECT_EQ(heard.usages, 1);
  EXPECT_EQ(heard.prompt, 5);
  EXPECT_EQ(heard.completion, 10);
  EXPECT_TRUE(net::eventually([this] { return settled() == 15; })) << settled();
  EXPECT_NE(records().find(R"("endpoint":"e0,e1")"), std::string::npos) << records();
  EXPECT_NE(metrics().find("xingcha_continuations_total 1"), std::string::npos);
  EXPECT_TRUE(counted("e0", "failed", 1) && counted("e1", "done", 1)) << metrics();
  EXPECT_NE(metrics().find("xingcha_quota_conserved 1"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(Ways, BreaksOff,
                         testing::Values("tale.1", "tale.4", "tale.5", "tale.9", "tale-stall.3",
                                         "tale-torn.3"));

TEST_F(ContinuationTest, the_next_one_is_shown_what_went_out) {
  endpoints({"tale.5", "tale"}, kGoesOn);
  EXPECT_EQ(hear(stream(R"(,"max_tokens":50)")).text, tale());
  const std::string body = upstream_.last().body;
  EXPECT_NE(body.find(R"({"role":"assistant","content":"Once upon a time"}])"), std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("continue_final_message":true)"), std::string::npos);
  EXPECT_NE(body.find(R"("add_generation_prompt":false)"), std::string::npos);
  EXPECT_NE(body.find(R"("max_tokens":46)"), std::string::npos) << body;
}

TEST_F(ContinuationTest, twice_and_no_more) {
  endpoints({"tale.2", "tale.2", "tale"}, kGoesOn);
  const Heard heard = hear(stream(R"(,"stream_options":{"include_usage":true})"));
  EXPECT_EQ(heard.text, tale());
  EXPECT_EQ(heard.prompt + heard.completion, 15);
  EXPECT_EQ(heard.completion, 10);
  endpoints({"tale.1", "tale.1", "tale.1", "tale"}, kGoesOn);
  const Heard lost = hear(stream());
  EXPECT_EQ(lost.text, "Once upon a");
  EXPECT_NE(lost.last.find(kLost), std::string::npos) << lost.last;
}

TEST_F(ContinuationTest, one_that_refuses_to_is_followed_by_another) {
  endpoints({"tale.2", "500", "tale"}, kGoesOn);
  EXPECT_EQ(hear(stream()).text, tale());
}

TEST_F(ContinuationTest, other_shapes_too) {
  endpoints({"tale.3", "tale"}, kGoesOn);
  const Reply message = post(
      "/v1/messages",
      R"({"model":"m","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(message.events().back().event, "message_stop");
  EXPECT_EQ(message.body.find("event: error"), std::string::npos);
  ASSERT_EQ(put("/admin/endpoints/e0", R"({"state":"paused"})").status, 200);
  ASSERT_EQ(put("/admin/endpoints/e0", R"({"state":"active"})").status, 200);
  const Reply response = post("/v1/responses", R"({"model":"m","input":"x","stream":true})");
  EXPECT_EQ(response.events().back().event, "response.completed") << response.body;
}

TEST_F(ContinuationTest, a_whole_answer_begins_anew) {
  endpoints({"tale.3", "tale"}, kGoesOn);
  const Reply reply = ask(false);
  EXPECT_EQ(reply.at("/choices/0/message/content"), tale());
  EXPECT_EQ(upstream_.last().body.find("assistant"), std::string::npos);
}

// Requests with which nobody can go on soundly: they end with the error, as before.
class NotSound : public ContinuationTest, public testing::WithParamInterface<const char*> {};

TEST_P(NotSound, ends_with_the_error) {
  endpoints({"tale.3", "tale"}, kGoesOn);
  const Reply reply = stream(GetParam());
  EXPECT_NE(reply.body.find(kLost), std::string::npos) << reply.body;
  EXPECT_EQ(upstream_.asked("tale"), 0);
}
INSTANTIATE_TEST_SUITE_P(
    Requests, NotSound,
    testing::Values(R"(,"seed":1)", R"(,"n":2)", R"(,"logprobs":true)", R"(,"max_tokens":3)",
                    R"(,"response_format":{"type":"json_object"})",
                    R"(,"tools":[{"type":"function","function":{"name":"f"}}],)"
                    R"("tool_choice":"required")"));

TEST_F(ContinuationTest, thoughts_are_not_gone_on_with) {
  endpoints({"cut", "tale"}, kGoesOn);  // it thinks before it speaks
  EXPECT_NE(stream().body.find(kLost), std::string::npos);
  EXPECT_EQ(upstream_.asked("tale"), 0);
}

TEST_F(ContinuationTest, one_that_begins_to_think_in_mid_answer_is_not_believed) {
  endpoints({"tale.3", "tale-thinks"}, kGoesOn);
  const Heard heard = hear(stream());
  EXPECT_EQ(heard.text, "Once upon a");
  EXPECT_NE(heard.last.find(kLost), std::string::npos) << heard.last;
}

TEST_F(ContinuationTest, only_endpoints_that_say_so_in_the_same_pool) {
  endpoints({"tale.3", "tale"});
  EXPECT_NE(stream().body.find(kLost), std::string::npos);
  ASSERT_EQ(put("/admin/pools/q", "{}").status, 200);
  ASSERT_EQ(
      put("/admin/endpoints/other",
          R"({"pool":"q","vendor":"vllm","continues":true,"url":")" + upstream_.url("tale") + "\"}")
          .status,
      200);
  ASSERT_EQ(put("/admin/routes/m", R"({"targets":[{"pool":"p","model":"theirs"},)"
                                   R"({"pool":"q","model":"theirs","weight":0}]})")
                .status,
            200);
  ASSERT_EQ(put("/admin/endpoints/e1", R"({"state":"paused"})").status, 200);
  // Its circuit is open now; one that comes back has none.
  ASSERT_EQ(post("/admin/endpoints/e0/remove", "").status, 200);
  ASSERT_EQ(put("/admin/endpoints/e0", R"({"pool":"p","vendor":"vllm","continues":true,"url":")" +
                                           upstream_.url("tale.3") + "\"}")
                .status,
            200);
  EXPECT_NE(stream().body.find(kLost), std::string::npos);
  EXPECT_EQ(upstream_.asked("tale"), 0);
}

TEST_F(ContinuationTest, vendors_without_a_way_are_refused) {
  ASSERT_EQ(put("/admin/pools/p", "{}").status, 200);
  const std::string body = R"({"pool":"p","url":"http://h","continues":true,"vendor":")";
  EXPECT_EQ(put("/admin/endpoints/e", body + "openai\"}").status, 400);
  EXPECT_EQ(put("/admin/endpoints/e", body + "mindie\"}").status, 400);
  EXPECT_NE(put("/admin/endpoints/e", body + "sglang\"}").body.find(R"("continues":true)"),
            std::string::npos);
}

}  // namespace
}  // namespace xc::gateway
