#include "schema/json_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace xc::schema {
namespace {

std::string string_of(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

std::string number_of(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

TEST(JsonText, Strings) {
  EXPECT_EQ(string_of(""), R"("")");
  EXPECT_EQ(string_of("a\"b\\c/\n\r\t\b\f"), R"("a\"b\\c/\n\r\t\b\f")");
  EXPECT_EQ(string_of(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(string_of("星槎🚀"), "\"星槎🚀\"");
  EXPECT_EQ(string_of("a\xFFz\xE6\x98"), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonText, Numbers) {
  EXPECT_EQ(number_of(0.1), "0.1");
  EXPECT_EQ(number_of(1), "1.0");
  EXPECT_EQ(number_of(-9999), "-9999.0");
  EXPECT_EQ(number_of(1e300), "1e+300");
  EXPECT_EQ(number_of(std::numeric_limits<double>::infinity()), "null");
  std::string out;
  append_number(out, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(out, "-9223372036854775808");
}

TEST(JsonText, Raw) {
  std::string out;
  append_raw(out, R"({"a":1})", "{}");
  append_raw(out, R"({"a":1)", "{}");
  append_raw(out, "1}, {", "{}");
  EXPECT_EQ(out, R"({"a":1}{}{})");
}

TEST(JsonText, Writer) {
  std::string out;
  JsonWriter w(out);
  w.text("a", "x");
  w.integer("b", -3);
  w.flag("c", false);
  JsonWriter inner(w.key("d"));
  inner.end();
  w.number("e", 0.5);
  w.end();
  EXPECT_EQ(out, R"({"a":"x","b":-3,"c":false,"d":{},"e":0.5})");
}

}  // namespace
}  // namespace xc::schema
