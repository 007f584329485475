#include "schema/json_reader.h"

#include <gtest/gtest.h>
#include <boost/json/object.hpp>

#include "base/limits.h"

namespace xc::schema {
namespace {

Error error_of(std::string_view text) {
  const auto read = read_json(text);
  return read ? Error{} : read.error();
}

TEST(JsonReader, BadJsonSaysWhere) {
  struct Case {
    std::string_view text;
    std::string_view reason;
    std::string_view byte;
  };
  for (const auto& [text, reason, byte] : {
           Case{"", "incomplete JSON", "0"},
           Case{"{", "incomplete JSON", "1"},
           Case{R"({"a":})", "syntax error", "5"},
           Case{R"({"a":1,})", "syntax error", "7"},
           Case{R"({"a":1} x)", "extra data", "8"},
           Case{R"({"a":NaN})", "syntax error", "5"},
           Case{R"({'a':1})", "syntax error", "1"},
           Case{R"({"a":"\ud800"})", "syntax error", "12"},
           Case{R"({"a":1}// no)", "extra data", "7"},
       }) {
    const Error error = error_of(text);
    EXPECT_EQ(error.message, Message::BadJson) << text;
    ASSERT_EQ(error.args.size(), 2u) << text;
    EXPECT_EQ(error.args[0], reason) << text;
    EXPECT_EQ(error.args[1], byte) << text;
  }
}

TEST(JsonReader, Utf8AndDepth) {
  const Error utf8 = error_of("{\"a\":\"\xFF\"}");
  EXPECT_EQ(utf8.message, Message::BadUtf8);
  EXPECT_EQ(utf8.args, std::vector<std::string>{"6"});
  const std::size_t most = limits::kJsonDepthMax;
  const auto nest = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(read_json(nest(most)));
  EXPECT_EQ(error_of(nest(most + 1)).message, Message::JsonTooDeep);
  EXPECT_EQ(error_of(std::string(1'000'000, '[')).message, Message::JsonTooDeep);
}

TEST(JsonReader, BodyMustBeAnObject) {
  boost::json::value document;
  const auto body = read_body("[1]", document);
  ASSERT_FALSE(body);
  EXPECT_EQ(text_of(body.error(), Language::En), "The field 'body' must be object, got array.");
}

TEST(JsonReader, DuplicatesLastWins) {
  boost::json::value document;
  const auto body = read_body(R"({"a":"x","a":"y"})", document);
  std::string a;
  ASSERT_TRUE(body->text("a", a));
  EXPECT_EQ(a, "y");
}

TEST(JsonReader, IntegersMayBeWrittenAsFloats) {
  const auto read = [](std::string_view text) {
    return JsonField(*read_json(text), "f").as_integer(-5, 5);
  };
  EXPECT_EQ(read("3"), 3);
  EXPECT_EQ(read("3.0"), 3);
  EXPECT_EQ(read("-0.5e1"), -5);
  EXPECT_EQ(text_of(read("3.5").error(), Language::En),
            "The field 'f' must be integer, got number.");
  EXPECT_EQ(text_of(read("6").error(), Language::En),
            "The field 'f' must be between -5 and 5, got 6.");
  EXPECT_EQ(read("18446744073709551615").error().message, Message::OutOfRange);
  EXPECT_EQ(read("1e30").error().message, Message::OutOfRange);
  EXPECT_EQ(read("1e999").error().message, Message::OutOfRange);
  EXPECT_EQ(read("-1e999").error().message, Message::OutOfRange);
  EXPECT_EQ(read("\"3\"").error().message, Message::WrongType);
}

TEST(JsonReader, PathsNameNestedFields) {
  boost::json::value document;
  const auto body = read_body(R"({"a":[{},{"b":{"c":1}}]})", document);
  const auto items = body->need_array("a", 2);
  const auto item = items->at(1).as_object();
  const auto inner = item->need_object("b");
  EXPECT_EQ(inner->need_text("c").error().param, "a[1].b.c");
  EXPECT_EQ(inner->need_text("d").error().param, "a[1].b.d");
  EXPECT_EQ(body->need_array("a", 1).error().message, Message::TooMany);
}

TEST(JsonReader, JsonOfIsStable) {
  constexpr std::string_view text = R"({"b":[1,1.0,0.1,true,null,"é\n"],"a":{},"c":-5,"d":1e+300})";
  const std::string once = json_of(*read_json(text));
  EXPECT_EQ(once, text);
  EXPECT_EQ(json_of(*read_json("18446744073709551615")), "18446744073709551615");
}

}  // namespace
}  // namespace xc::schema
