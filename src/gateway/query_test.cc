#include "gateway/query.h"

#include <gtest/gtest.h>

namespace xc::gateway {
namespace {

TEST(Query, finds_and_decodes) {
  EXPECT_EQ(query_value("a=1&b=x%20y+z", "b"), "x y z");
  EXPECT_EQ(query_value("a=1&b=", "b"), "");
  EXPECT_EQ(query_value("a=1&b", "b"), "");
  EXPECT_EQ(query_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(query_value("", "a"), std::nullopt);
  EXPECT_EQ(query_value("&&=&", "a"), std::nullopt);
  EXPECT_EQ(query_value("a=%", "a"), "%");
  EXPECT_EQ(query_value("a=%zz%4", "a"), "%zz%4");
  EXPECT_EQ(query_value("%61=1", "a"), "1");
}

TEST(Query, numbers_and_times_are_checked) {
  EXPECT_EQ(*query_number("n=5", "n", 1, 9, 3), 5);
  EXPECT_EQ(*query_number("", "n", 1, 9, 3), 3);
  for (const char* bad : {"n=0", "n=10", "n=x", "n=", "n=5x", "n=99999999999999999999"}) {
    EXPECT_EQ(query_number(bad, "n", 1, 9, 3).error().message, Message::OutOfRange) << bad;
  }
  EXPECT_EQ(*query_time("t=1795345376000", "t", 0), 1795345376000);
  EXPECT_EQ(*query_time("t=1970-01-01T00:00:01Z", "t", 0), 1000);
  // Callers round times up and add months: what they get leaves room for that.
  EXPECT_EQ(*query_time("t=253402300799999", "t", 0), 253402300799999);
  for (const char* bad :
       {"t=253402300800000", "t=9223372036854775807", "t=9999-12-31T23:59:59-01:00"}) {
    const auto refused = query_time(bad, "t", 0);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message, Message::OutOfRange) << bad;
    EXPECT_EQ(refused.error().param, "t");
  }
  for (const char* bad : {"t=-1", "t=1969-12-31T23:59:59Z", "t=99999999999999999999", "t="}) {
    EXPECT_EQ(query_time(bad, "t", 0).error().message, Message::BadValue) << bad;
  }
  EXPECT_EQ(query_time("t=yesterday%0a", "t", 0).error().args[1], "yesterday?");
}

}  // namespace
}  // namespace xc::gateway
