// Alarms over HTTP, and the traces of requests.
#include <algorithm>

#include "gateway/gateway_test.h"

namespace xc::gateway {
namespace {

using GatewayOperations = GatewayTest;

TEST_F(GatewayOperations, alarms_are_listed_and_acknowledged) {
  alarms_.raise(ops::AlarmKind::DiskLow, "/data", "1 MiB");
  const Reply list = get("/admin/alarms", {{"Accept-Language", "en"}});
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.at("/alarms/0/alarm"), "disk_low");
  EXPECT_EQ(list.at("/alarms/0/runbook"), "XC-A02");
  EXPECT_EQ(list.at("/alarms/0/text"), "The disk is nearly full: /data has 1 MiB left");
  EXPECT_EQ(list.at("/alarms/0/acknowledged_by"), "null");
  const std::string path = "/admin/alarms/" + list.at("/alarms/0/id") + "/acknowledge";
  const Reply done = post(path, "{}");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_TRUE(done.at("/acknowledged_by").starts_with("key_"));
  EXPECT_EQ(post("/admin/alarms/alm_none/acknowledge", "{}").status, 404);
  const std::string metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("xingcha_alarms{alarm=\"disk_low\",severity=\"major\"} 1"),
            std::string::npos);
  EXPECT_NE(metrics.find("xingcha_alarms_unacknowledged 0"), std::string::npos);
}

constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_F(GatewayOperations, a_traced_request_has_a_span_for_each_stage) {
  const Reply reply = post("/v1/chat/completions", chat_body("hello"), {{"traceparent", kParent}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_TRUE(net::eventually([this] { return !spans_.kept().empty(); }));
  const std::vector<ops::Span> spans = spans_.kept().front();
  std::vector<std::string> names;
  for (const ops::Span& span : spans) {
    names.push_back(span.name);
    EXPECT_EQ(span.self.trace, ops::parse_traceparent(kParent)->trace);
    EXPECT_GE(span.end_ns, span.start_ns);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"POST /v1/chat/completions", "reserve", "admit",
                                             "route", "start", "generate"}));
  EXPECT_EQ(spans.front().parent, ops::parse_traceparent(kParent)->span);
  for (std::size_t i = 1; i < spans.size(); ++i) {
    EXPECT_EQ(spans[i].parent, spans.front().self.span) << spans[i].name;
  }
  const auto status = std::ranges::find(spans.front().numbers, "http.response.status_code",
                                        &std::pair<std::string, std::int64_t>::first);
  ASSERT_NE(status, spans.front().numbers.end());
  EXPECT_EQ(status->second, 200);
  for (const ops::Span& span : spans) {
    for (const auto& [key, value] : span.texts) {
      EXPECT_EQ(value.find("hello"), std::string::npos) << "no prompt leaves: " << key;
    }
  }
}

TEST_F(GatewayOperations, what_is_refused_or_not_asked_for_is_told_or_not) {
  EXPECT_EQ(post("/v1/chat/completions", chat_body("x")).status, 200);
  EXPECT_TRUE(spans_.kept().empty()) << "nobody asked for it";
  HeaderList traced{{"traceparent", kParent}};
  EXPECT_EQ(send("GET", "/v1/models", "", traced).status, 401);
  ASSERT_TRUE(net::eventually([this] { return spans_.kept().size() == 1; }));
  const ops::Span refused = spans_.kept().front().front();
  EXPECT_EQ(refused.name, "GET /v1/models");
  EXPECT_FALSE(refused.failed) << "the caller's mistake";
}

}  // namespace
}  // namespace xc::gateway
