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
  EXPECT_EQ(query_time("t=yesterday%0a", "t", 0).error().args[1], "yesterday?");
}

}  // namespace
}  // namespace xc::gateway
