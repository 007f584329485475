#include "gateway/terms.h"

#include <gtest/gtest.h>

namespace xc::gateway {
namespace {

constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

Result<Terms> terms(std::string deadline, std::string priority = "") {
  net::Request request;
  if (!deadline.empty()) request.headers.set("x-xingcha-deadline", deadline);
  if (!priority.empty()) request.headers.set("X-XINGCHA-PRIORITY", priority);
  return terms_of(request, kNow);
}

TEST(Terms, without_headers_are_the_limits) {
  EXPECT_EQ(terms("")->deadline_ms, 3'600'000);
  EXPECT_EQ(terms("")->priority, Priority::Normal);
}

TEST(Terms, a_deadline_is_milliseconds_or_a_time) {
  EXPECT_EQ(terms("1")->deadline_ms, 1);
  EXPECT_EQ(terms("9223372036854775807")->deadline_ms, 3'600'000);
  EXPECT_EQ(terms("2026-01-01T00:00:02Z")->deadline_ms, 2'000);
  EXPECT_EQ(terms("2026-01-01T08:00:00.25+08:00")->deadline_ms, 250);
  EXPECT_EQ(terms("2025-12-31t19:00:01.0009-05:00")->deadline_ms, 1'000);
  EXPECT_EQ(terms("2030-01-01T00:00:00Z")->deadline_ms, 3'600'000);
  const auto late = terms("2026-01-01T00:00:00Z");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::Timeout);
}

TEST(Terms, what_is_neither_is_refused_by_name) {
  for (const char* bad :
       {"0", "-5", "soon", "1.5", "99999999999999999999", "2026-01-01", "2026-01-01T00:00:00",
        "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "5 ", "0x10",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Z1", "\xff\n"}) {
    const auto refused = terms(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Code::InvalidRequest) << bad;
    EXPECT_EQ(refused.error().message, Message::BadHeader) << bad;
    EXPECT_EQ(refused.error().param, "X-Xingcha-Deadline");
    EXPECT_EQ(refused.error().args.at(1).find('\n'), std::string::npos);
  }
  EXPECT_EQ(terms(std::string(5'000, 'x')).error().args.at(1).size(), 64u);
}

TEST(Terms, priorities_have_names) {
  EXPECT_EQ(terms("", "interactive")->priority, Priority::Interactive);
  EXPECT_EQ(terms("", "normal")->priority, Priority::Normal);
  EXPECT_EQ(terms("", "background")->priority, Priority::Background);
  for (const char* bad : {"0", "2", "high", "Normal"}) {
    const auto refused = terms("", bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().param, "X-Xingcha-Priority");
  }
}

}  // namespace
}  // namespace xc::gateway
