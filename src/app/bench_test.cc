#include "app/bench.h"

#include <gtest/gtest.h>

#include "app/running_models.h"

namespace xc::app {
namespace {

TEST(Spread, MedianOfOddAndEven) {
  EXPECT_EQ(spread_of({}).median, 0);
  EXPECT_EQ(spread_of({3, 1, 2}).median, 2);
  const Spread even = spread_of({4, 1, 3, 2});
  EXPECT_EQ(even.median, 2.5);
  EXPECT_EQ(even.low, 1);
  EXPECT_EQ(even.high, 4);
}

TEST(DecodeRate, CountsTokensAfterTheFirst) {
  EXPECT_EQ(decode_rate({}), 0);
  EXPECT_EQ(decode_rate({{0, 1, 3, 10, 0, 21}}), 10);
  EXPECT_EQ(decode_rate({{0, 1, 3, 10, 0, 11}, {0, 1, 5, 10, 0, 31}}), 10);
  EXPECT_EQ(decode_rate({{0, 1, 1, 10, 0, 1}}), 0);
}

TEST(RunningModels, ReadsTheAdminRoute) {
  const auto models = parse_running_models(
      R"({"workers":[{"model":"m","state":"ready","reason":"","pid":7,"in_flight":2,"restarts":1,)"
      R"("context":8192,"resident_bytes":12345678901,"started_unix_ms":1,"expires_unix_ms":null},)"
      R"({"model":"n","state":"failed","reason":"x","expires_unix_ms":5}]})");
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 2u);
  EXPECT_EQ(models->at(0).name, "m");
  EXPECT_EQ(models->at(0).in_flight, 2);
  EXPECT_EQ(models->at(0).resident_bytes, 12345678901u);
  EXPECT_FALSE(models->at(0).expires_unix_ms);
  EXPECT_EQ(models->at(1).expires_unix_ms, 5);
  EXPECT_FALSE(parse_running_models("<html>"));
  EXPECT_FALSE(parse_running_models("[]"));
}

TEST(ErrorOfReply, SaysWhatTheServerSaid) {
  const Error said = error_of_reply(404, R"({"error":{"message":"没有","type":"x"}})");
  EXPECT_EQ(said.code, Code::NotFound);
  EXPECT_EQ(text_of(said, Language::Zh), "没有");
  const Error other = error_of_reply(502, "<html>bad gateway</html>");
  EXPECT_NE(text_of(other, Language::En).find("502"), std::string::npos);
}

TEST(PathEscaped, KeepsNamesAndEscapesTheRest) {
  EXPECT_EQ(path_escaped("Qwen/q2.5-x_1"), "Qwen/q2.5-x_1");
  EXPECT_EQ(path_escaped("a:b c?#\n"), "a%3Ab%20c%3F%23%0A");
}

}  // namespace
}  // namespace xc::app
