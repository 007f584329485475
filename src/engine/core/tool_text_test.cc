#include "engine/core/tool_text.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

const std::vector<schema::Tool> kTools{
    {"add", "", R"({"type":"object","properties":{"a":{"type":"integer"},"s":{"type":"string"}}})",
     false},
    {"go", "", "{}", false}};

std::string only(const std::vector<schema::ToolCall>& calls) {
  return calls.size() == 1 ? calls[0].name + " " + calls[0].arguments : "none";
}

TEST(ToolText, arguments_are_the_models_own_words) {
  const std::string call = R"({"name": "add", "arguments": {"a": 1.50, "s": "\u4e2d, }\"{"} })";
  EXPECT_EQ(only(calls_in_json(call, kTools)), R"(add {"a": 1.50, "s": "\u4e2d, }\"{"})");
  EXPECT_EQ(only(calls_in_json(R"({"parameters":{},"name":"go"})", kTools)), "go {}");
  EXPECT_EQ(only(calls_in_json(R"({"name":"go","arguments":"{\"x\": 1}"})", kTools)),
            R"(go {"x": 1})");
  EXPECT_EQ(only(calls_in_json(
                R"({"type":"function","function":{"name":"go","arguments":{"x":[1,2]}}})", kTools)),
            R"(go {"x":[1,2]})");
}

TEST(ToolText, tagged_values_become_what_the_schema_says) {
  const auto tagged = [](const std::string& pairs) {
    return only(calls_in_block("add" + pairs, kTools));
  };
  EXPECT_EQ(tagged("<param_key>a</param_key><param_value>7</param_value>"), R"(add {"a":7})");
  EXPECT_EQ(tagged("<param_key>s</param_key><param_value>7</param_value>"), R"(add {"s":"7"})");
  EXPECT_EQ(tagged("<param_key>x</param_key><param_value>[1]</param_value>"), R"(add {"x":[1]})");
  EXPECT_EQ(tagged("<param_key>x</param_key><param_value>a\n\"b</param_value>"),
            R"(add {"x":"a\n\"b"})");
  EXPECT_EQ(tagged(""), "add {}");
  EXPECT_EQ(tagged("<param_key>a</param_key>"), "none");
  EXPECT_EQ(tagged("<param_key>a</param_key><param_value>7"), "none");
}

TEST(ToolText, likeness_is_known_early) {
  for (const std::string text : {"", " ", "{", "{ \"na", "```", "```js", "[{", "``"}) {
    EXPECT_EQ(likeness_of_call(text), Likeness::Unsure) << text;
  }
  for (const std::string text :
       {"x", "{\"city\"", "{}", "```python", "`a", "```\nx", "[1", "~~~"}) {
    EXPECT_EQ(likeness_of_call(text), Likeness::No) << text;
  }
  for (const std::string text : {"{\"name\"", "[{\"arguments\": ", "```json\n{\"name\":"}) {
    EXPECT_EQ(likeness_of_call(text), Likeness::Likely) << text;
  }
}

TEST(ToolText, schema_of_one_and_of_several_tools) {
  EXPECT_EQ(
      call_schema({{"add", "", R"({"type":"object"})", false}}),
      R"({"type":"object","properties":{"name":{"const":"add"},"arguments":{"type":"object"}},)"
      R"("required":["name","arguments"],"additionalProperties":false})");
  EXPECT_NE(call_schema({{"a", "", "{}", false}, {"b", "", "{}", false}}).find("anyOf"),
            std::string::npos);
}

}  // namespace
}  // namespace xc::engine
