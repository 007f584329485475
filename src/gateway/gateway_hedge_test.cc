// Requests that a second endpoint is asked too.
#include "gateway/gateway_pools_test.h"

namespace xc::gateway {
namespace {

class HedgeTest : public PoolTest {
 protected:
  void hedged(const std::vector<std::string>& modes, int after_ms) {
    endpoints(modes);
    ASSERT_EQ(put("/admin/routes/m", R"({"targets":[{"pool":"p","model":"theirs"}],"hedge_ms":)" +
                                         std::to_string(after_ms) + "}")
                  .status,
              200);
  }
  bool hedges(const std::string& winner, int times) {
    return metrics().find("xingcha_hedges_total{winner=\"" + winner + "\"} " +
                          std::to_string(times)) != std::string::npos;
  }
};

TEST_F(HedgeTest, who_is_first_answers_and_the_other_is_let_go) {
  ASSERT_EQ(put("/admin/quotas",
                R"({"scope":"tenant","name":"default","limits":{"tokens_per_day":100000}})")
                .status,
            200);
  hedged({"hang", "good"}, 20);
  const Reply reply = ask();
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("from afar"), std::string::npos);
  EXPECT_EQ(reply.events().back().data, "[DONE]");
  EXPECT_TRUE(counted("e0", "left", 1) && counted("e1", "done", 1)) << metrics();
  EXPECT_TRUE(hedges("second", 1)) << metrics();
  EXPECT_TRUE(net::eventually([this] { return settled() == 18; })) << settled();  // once
  std::string records;
  EXPECT_TRUE(net::eventually([&] {
    records = get("/admin/audit/records?limit=50").body;
    return records.find(R"("endpoint":"e1")") != std::string::npos;
  })) << records;
}

TEST_F(HedgeTest, a_first_one_that_comes_after_all_wins_too) {
  hedged({"tardy", "hang"}, 20);
  EXPECT_NE(ask(false).body.find("from afar"), std::string::npos);
  EXPECT_TRUE(counted("e0", "done", 1) && counted("e1", "left", 1)) << metrics();
  EXPECT_TRUE(hedges("first", 1)) << metrics();
}

TEST_F(HedgeTest, one_that_is_quick_is_alone) {
  hedged({"good", "good"}, 20'000);
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(upstream_.asked("good"), 1);
  EXPECT_EQ(metrics().find("xingcha_hedges_total{"), std::string::npos);
}

TEST_F(HedgeTest, it_is_off_by_default) {
  endpoints({"hang", "good"});
  EXPECT_EQ(ask().status, 200);
  EXPECT_TRUE(counted("e0", "failed", 1)) << metrics();
  EXPECT_EQ(metrics().find("xingcha_hedges_total{"), std::string::npos);
  EXPECT_NE(get("/admin/pools").body.find(R"("hedge_ms":0)"), std::string::npos);
}

TEST_F(HedgeTest, one_that_fails_early_is_followed_as_always) {
  hedged({"500", "good"}, 20'000);
  EXPECT_NE(ask().body.find("from afar"), std::string::npos);
  EXPECT_EQ(metrics().find("xingcha_hedges_total{"), std::string::npos);
}

TEST_F(HedgeTest, when_both_fail_others_are_asked) {
  hedged({"hang", "500", "good"}, 20);
  EXPECT_NE(ask().body.find("from afar"), std::string::npos);
  EXPECT_TRUE(counted("e0", "failed", 1) && counted("e1", "failed", 1)) << metrics();
}

TEST_F(HedgeTest, a_callers_mistake_stays_theirs) {
  hedged({"hang", "callers", "good"}, 20);
  EXPECT_EQ(ask().status, 400);
  EXPECT_EQ(upstream_.asked("good"), 0);
}

TEST_F(HedgeTest, a_caller_that_leaves_ends_both) {
  hedged({"hang", "hang"}, 20);
  ASSERT_EQ(put("/admin/endpoints/e0", R"({"start_timeout_ms":60000})").status, 200);
  ASSERT_EQ(put("/admin/endpoints/e1", R"({"start_timeout_ms":60000})").status, 200);
  const auto client =
      begin("/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_TRUE(net::eventually([this] { return upstream_.asked("hang") == 2; }));
  client->close();
  EXPECT_TRUE(net::eventually([this] {
    return counted("e0", "left", 1) && counted("e1", "left", 1);
  })) << metrics();
}

TEST_F(HedgeTest, what_is_refused) {
  endpoints({"good"});
  const auto set = [this](const std::string& ms) {
    return put("/admin/routes/m",
               R"({"targets":[{"pool":"p","model":"theirs"}],"hedge_ms":)" + ms + "}")
        .status;
  };
  EXPECT_EQ(set("-1"), 400);
  EXPECT_EQ(set("60001"), 400);
  EXPECT_EQ(set("\"soon\""), 400);
  EXPECT_EQ(set("60000"), 200);
}

}  // namespace
}  // namespace xc::gateway
