#include "ops/trace.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "ops/otlp.h"

namespace xc::ops {
namespace {

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class Kept : public SpanSink {
 public:
  explicit Kept(bool wanted = true) : wanted_(wanted) {}
  void take(std::vector<Span> given) override { spans = std::move(given); }
  bool sample(std::uint64_t) const override { return wanted_; }
  std::vector<Span> spans;

 private:
  bool wanted_;
};

TEST(TraceParent, reads_what_the_specification_allows) {
  const auto parent = parse_traceparent(kParent);
  ASSERT_TRUE(parent);
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(text_of(*parent), kParent);
  EXPECT_TRUE(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09-more"));
  EXPECT_FALSE(
      parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->sampled);
  for (const std::string_view bad :
       {std::string_view(""), kParent.substr(1), kParent.substr(0, 54),
        std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"),
        std::string_view("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"),
        std::string_view("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        std::string_view("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        std::string_view("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        std::string_view("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        std::string_view("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}) {
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
  }
}

TEST(Trace, stages_are_children_and_go_out_as_parents) {
  ManualClock clock;
  SeededRandom random{1};
  Kept sink;
  Trace trace(&sink, clock, random, kParent, "vendor=1");
  const std::string own = trace.traceparent();
  EXPECT_TRUE(own.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
  {
    Trace::Stage route = trace.stage("route");
    clock.advance(std::chrono::milliseconds(3));
    const Trace::Stage start = trace.stage("start", Span::Kind::Client);
    EXPECT_NE(trace.traceparent(), own);
    route.fail();
  }
  EXPECT_EQ(trace.traceparent(), own);
  EXPECT_EQ(trace.tracestate(), "vendor=1");
  clock.advance(std::chrono::milliseconds(2));
  trace.end("POST /x", 502, {{"http.route", "/x"}}, {{"http.response.status_code", 502}});
  ASSERT_EQ(sink.spans.size(), 3u);
  const Span& root = sink.spans[0];
  const Span& route = sink.spans[1];
  const Span& start = sink.spans[2];
  EXPECT_EQ(root.parent, parse_traceparent(kParent)->span);
  EXPECT_EQ(route.parent, root.self.span);
  EXPECT_EQ(start.parent, route.self.span);
  EXPECT_EQ(route.end_ns - route.start_ns, 3'000'000);
  EXPECT_EQ(root.end_ns - root.start_ns, 5'000'000);
  EXPECT_TRUE(root.failed);
  EXPECT_TRUE(route.failed);
  EXPECT_FALSE(start.failed);
}

TEST(Trace, off_passes_on_what_came) {
  ManualClock clock;
  SeededRandom random{1};
  Trace off(nullptr, clock, random, kParent, "a=b");
  EXPECT_EQ(off.traceparent(), kParent);
  EXPECT_FALSE(off.recording());
  const Trace::Stage stage = off.stage("x");
  EXPECT_EQ(Trace(nullptr, clock, random, "rubbish", "a=b").traceparent(), "");
  Kept unwanted(false);
  EXPECT_FALSE(Trace(&unwanted, clock, random, "", "").recording());
  EXPECT_TRUE(Trace(&unwanted, clock, random, kParent, "").recording()) << "the caller decides";
  Kept wanted(true);
  const std::string unsampled = std::string(kParent.substr(0, 53)) + "00";
  EXPECT_FALSE(Trace(&wanted, clock, random, unsampled, "").recording());
}

TEST(Otlp, is_the_json_mapping_of_the_protocol) {
  Span span;
  span.self = *parse_traceparent(kParent);
  span.name = "POST /x";
  span.kind = Span::Kind::Server;
  span.start_ns = 1'700'000'000'000'000'000;
  span.end_ns = span.start_ns + 5;
  span.numbers = {{"http.response.status_code", 200}};
  const boost::json::value body = boost::json::parse(otlp_body({&span, 1}, {"1.0", "gw"}));
  const auto at = [&body](std::string_view pointer) {
    return body.at_pointer("/resourceSpans/0/scopeSpans/0/spans/0" + std::string(pointer));
  };
  EXPECT_EQ(at("/traceId").as_string(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(at("/spanId").as_string(), "b7ad6b7169203331");
  EXPECT_EQ(at("/kind").as_int64(), 2);
  EXPECT_EQ(at("/startTimeUnixNano").as_string(), "1700000000000000000");
  EXPECT_EQ(at("/attributes/0/value/intValue").as_string(), "200");
  EXPECT_FALSE(at("").as_object().contains("parentSpanId"));
  EXPECT_EQ(body.at_pointer("/resourceSpans/0/resource/attributes/0/value/stringValue").as_string(),
            "xingcha");
}

}  // namespace
}  // namespace xc::ops
