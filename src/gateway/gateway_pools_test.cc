// Endpoints of pools behind the door: what each way of failing does to callers, bills and records.
#include "gateway/gateway_pools_test.h"

namespace xc::gateway {
namespace {

TEST_F(PoolTest, an_endpoint_answers_under_its_own_name) {
  endpoints({"good"});
  const Reply reply = ask(false, {{"X-Xingcha-Tenant", "evil"}, {"X-Secret", "1"}});
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.at("/choices/0/message/content"), "from afar");
  EXPECT_EQ(reply.at("/choices/0/message/reasoning_content"), "hm");
  EXPECT_EQ(reply.at("/model"), "m");
  EXPECT_EQ(reply.at("/usage/completion_tokens"), "7");
  const net::Request asked = upstream_.last();
  EXPECT_EQ(asked.path, "/good/v1/chat/completions");
  EXPECT_NE(asked.body.find(R"("model":"theirs")"), std::string::npos) << asked.body;
  EXPECT_NE(asked.body.find("include_usage"), std::string::npos);
  EXPECT_EQ(asked.headers.get("Authorization"), "Bearer sk-upstream");
  // Who asks is nobody's business there, nor what else they sent.
  for (const auto& [name, value] : asked.headers.fields()) {
    EXPECT_FALSE(std::string_view(name).starts_with("X-Xingcha-")) << name;
    EXPECT_EQ(value.find(key_), std::string::npos) << name;
  }
  EXPECT_NE(get("/v1/models").body.find(R"("id":"m")"), std::string::npos);
  EXPECT_TRUE(counted("e0", "done", 1)) << metrics();
}

TEST_F(PoolTest, an_endpoint_that_does_not_stream) {
  endpoints({"whole"});
  const auto events = ask().events();
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events.back().data, "[DONE]");
  EXPECT_EQ(ask(false).at("/choices/0/message/content"), "at once");
}

// Whatever an endpoint does before its first token, the next one answers, and the caller sees
// nothing of it.
class FailsOver : public PoolTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailsOver, before_the_first_token) {
  endpoints({GetParam(), "good"});
  for (const bool stream : {true, false}) {
    const Reply reply = ask(stream);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_NE(reply.body.find("from afar"), std::string::npos) << reply.body;
    EXPECT_EQ(reply.body.find("error"), std::string::npos) << reply.body;
  }
  EXPECT_TRUE(counted("e1", "done", 2)) << metrics();
}
INSTANTIATE_TEST_SUITE_P(Faults, FailsOver,
                         testing::Values("dead", "hang", "500", "nothing", "wrong", "html", "late",
                                         "okerror", "busy", "refused"));

TEST_F(PoolTest, a_failed_over_request_is_billed_once_and_recorded_with_its_endpoint) {
  ASSERT_EQ(put("/admin/quotas",
                R"({"scope":"tenant","name":"default","limits":{"tokens_per_day":100000}})")
                .status,
            200);
  endpoints({"500", "late", "good"});
  EXPECT_EQ(ask().status, 200);
  EXPECT_TRUE(net::eventually([this] { return settled() == 18; })) << settled();
  std::string records;
  EXPECT_TRUE(net::eventually([&] {
    records = get("/admin/audit/records?limit=50").body;
    return records.find("\"endpoint\"") != std::string::npos;
  }));
  EXPECT_NE(records.find(R"("endpoint":"e2")"), std::string::npos) << records;
  EXPECT_EQ(records.find(R"("endpoint":"e0")"), std::string::npos) << records;
}

TEST_F(PoolTest, what_breaks_after_the_first_token_is_said_and_counts) {
  for (const std::string mode : {"cut", "stall"}) {
    endpoints({mode, "good"});
    const auto events = ask().events();
    ASSERT_FALSE(events.empty());
    EXPECT_NE(events.back().data.find("上游服务中断"), std::string::npos) << events.back().data;
  }
  EXPECT_FALSE(counted("e0", "failed", 0)) << metrics();
}

TEST_F(PoolTest, a_callers_mistake_is_theirs_and_opens_nothing) {
  endpoints({"callers", "good"});
  for (int i = 0; i < 30; ++i) {
    const Reply reply = ask();
    ASSERT_EQ(reply.status, 400) << reply.body;
    ASSERT_NE(reply.body.find("bad n"), std::string::npos);
  }
  EXPECT_EQ(upstream_.asked("good"), 0);
  EXPECT_TRUE(counted("e0", "left", 30)) << metrics();
  EXPECT_NE(metrics().find("xingcha_endpoint_openings_total{endpoint=\"e0\",pool=\"p\"} 0"),
            std::string::npos);
}

TEST_F(PoolTest, a_callers_own_deadline_says_nothing_of_the_endpoint) {
  endpoints({"hang"});
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(ask(true, {{"X-Xingcha-Deadline", "20"}}).status, 408);
  }
  EXPECT_TRUE(counted("e0", "left", 8)) << metrics();
}

TEST_F(PoolTest, a_storm_of_429_rests_the_endpoint) {
  endpoints({"busy", "good"});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(ask().status, 200);
  EXPECT_EQ(upstream_.asked("busy"), 1);
}

TEST_F(PoolTest, when_all_are_busy_the_caller_hears_when_to_come_back) {
  endpoints({"busy"});
  EXPECT_EQ(ask().status, 503);
  const Reply again = ask();
  EXPECT_EQ(again.status, 503);
  EXPECT_EQ(again.headers.get("Retry-After"), "7");
  EXPECT_EQ(upstream_.asked("busy"), 1);
}

TEST_F(PoolTest, the_circuit_opens_and_nobody_waits_for_a_dead_endpoint) {
  endpoints({"500", "good"});
  for (int i = 0; i < 30; ++i) ASSERT_EQ(ask().status, 200);
  // One on warm-up that fails opens it at once.
  EXPECT_EQ(upstream_.asked("500"), 1);
  EXPECT_NE(metrics().find("xingcha_endpoint_open{endpoint=\"e0\",pool=\"p\"} 1"),
            std::string::npos);
}

TEST_F(PoolTest, an_endpoint_that_echoes_our_key_teaches_nobody) {
  endpoints({"refused"});
  const Reply reply = ask();
  EXPECT_EQ(reply.status, 502) << reply.body;
  EXPECT_EQ(reply.body.find("sk-upstream"), std::string::npos);
  EXPECT_EQ(get("/admin/pools").body.find("sk-upstream"), std::string::npos);
  EXPECT_NE(get("/admin/pools").body.find(R"("has_key":true)"), std::string::npos);
}

TEST_F(PoolTest, workers_are_a_pool_too) {
  endpoints({"500"});
  ASSERT_EQ(put("/admin/routes/m", R"({"targets":[{"pool":"p","model":"x"},)"
                                   R"({"pool":"local","model":"fake","weight":0}]})")
                .status,
            200);
  const Reply reply = ask(false);
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(worker().name, "fake");
  // A model without a route is theirs as before.
  EXPECT_EQ(post("/v1/chat/completions", chat_body("hi")).status, 200);
}

TEST_F(PoolTest, classes_and_scopes_fail_closed) {
  endpoints({"good"});
  EXPECT_EQ(ask(true, {{"X-Xingcha-Secrecy", "secret"}}).status, 403);
  EXPECT_EQ(ask(true, {{"X-Xingcha-Secrecy", "top"}}).status, 400);
  EXPECT_EQ(put("/admin/clearances/nobody", R"({"secrecy":"internal"})").status, 404);
  ASSERT_EQ(put("/admin/clearances/default", R"({"secrecy":"internal"})").status, 200);
  EXPECT_EQ(ask().status, 403);
  EXPECT_EQ(post("/v1/chat/completions", chat_body("hi")).status, 200);  // this machine is cleared
  ASSERT_EQ(put("/admin/pools/p", R"({"secrecy":"confidential"})").status, 200);
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(upstream_.asked("good"), 1);
  identity::KeySpec spec{"scoped"};
  spec.scopes.pools = {"local"};
  key_ = keys_->create(spec)->secret;
  EXPECT_EQ(ask().status, 403);
  EXPECT_EQ(post("/v1/chat/completions", chat_body("hi")).status, 200);
}

TEST_F(PoolTest, embeddings_with_a_wrong_answer_move_on) {
  endpoints({"okerror", "whole"});
  EXPECT_EQ(post("/tokenize", R"({"model":"m","content":"x"})").status, 400);  // not at vLLM
  const Reply reply = post("/v1/embeddings", R"({"model":"m","input":"x"})");
  EXPECT_EQ(reply.status, 502);  // neither has vectors
  EXPECT_EQ(upstream_.asked("okerror"), 1);
  EXPECT_EQ(upstream_.asked("whole"), 1);
}

TEST_F(PoolTest, the_admin_routes_refuse_what_is_dangerous) {
  ASSERT_EQ(put("/admin/pools/p", "{}").status, 200);
  const auto refused = [this](const std::string& fields) {
    return put("/admin/endpoints/e", R"({"pool":"p",)" + fields + "}").status;
  };
  EXPECT_EQ(refused(R"("url":"http://169.254.169.254")"), 400);
  EXPECT_EQ(refused(R"("url":"http://h\r\nX: 1")"), 400);
  EXPECT_EQ(refused(R"("url":"http://h","key":"a\r\nX: 1")"), 400);
  EXPECT_EQ(refused(R"("url":"http://h","vendor":"other")"), 400);
  EXPECT_EQ(put("/admin/endpoints/e", R"({"pool":"q","url":"http://h"})").status, 404);
  EXPECT_EQ(refused(R"("url":"http://h","key":"sk-hidden")"), 200);
  // A key does not follow its endpoint to another address.
  EXPECT_NE(put("/admin/endpoints/e", R"({"rank":2})").body.find(R"("has_key":true)"),
            std::string::npos);
  EXPECT_NE(put("/admin/endpoints/e", R"({"url":"http://i"})").body.find(R"("has_key":false)"),
            std::string::npos);
  EXPECT_EQ(post("/admin/pools/p/remove", "").status, 409);
  // Who reads the log later sees to where it was changed, and no key.
  EXPECT_TRUE(net::eventually([this] {
    return get("/admin/audit/records?kind=event").body.find("e: pool=p url=http://i") !=
           std::string::npos;
  }));
  EXPECT_EQ(get("/admin/audit/records").body.find("sk-hidden"), std::string::npos);
  EXPECT_EQ(post("/admin/endpoints/e/remove", "").status, 200);
  EXPECT_EQ(post("/admin/pools/p/remove", "").status, 200);
}

// A name that resolves to where no endpoint may be is refused when it is used.
TEST_F(PoolTest, a_guarded_origin_is_judged_by_what_it_connects_to) {
  net::Origin origin = *net::Origin::parse("http://0.0.0.0:80");
  origin.guarded = true;
  const bool refused = loops_.run([&]() -> Task<bool> {
    const Deadline deadline = Deadline::after(std::chrono::seconds(5));
    net::ClientRequest request;
    request.target = "/";
    auto reply = co_await client_.send(origin, std::move(request), deadline);
    co_return !reply && reply.error().detail.find("link-local") != std::string::npos;
  });
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace xc::gateway
