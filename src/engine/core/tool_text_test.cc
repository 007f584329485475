#include "engine/core/tool_text.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

struct Outcome {
  std::string text;
  std::vector<schema::ToolCall> calls;
};

Outcome run(const std::string& text, std::size_t cut) {
  ToolText reader({"get_weather", "add"});
  Outcome outcome;
  for (std::size_t i = 0; i < text.size(); i += cut) {
    outcome.text += reader.add(std::string_view(text).substr(i, cut));
  }
  ToolText::End end = reader.finish();
  outcome.text += end.text;
  outcome.calls = std::move(end.calls);
  return outcome;
}

TEST(ToolText, calls_are_found_whatever_the_cut) {
  const std::string call = R"({"name": "add", "arguments": {"a": 1, "b": [2]}})";
  const std::vector<std::string> forms{call,
                                       "\n " + call + "\n",
                                       "```json\n" + call + "\n```",
                                       "```\n" + call + "```\n",
                                       "[" + call + "]",
                                       "<tool_call>\n" + call + "\n</tool_call>",
                                       "<tool_call>" + call};
  for (const std::string& form : forms) {
    for (std::size_t cut = 1; cut <= form.size(); ++cut) {
      const Outcome outcome = run(form, cut);
      ASSERT_EQ(outcome.calls.size(), 1u) << form << " cut " << cut;
      EXPECT_EQ(outcome.calls[0].name, "add");
      EXPECT_EQ(outcome.calls[0].arguments, R"({"a":1,"b":[2]})");
      EXPECT_EQ(outcome.text, "");
    }
  }
}

TEST(ToolText, several_calls) {
  const std::string a = R"({"name":"add","arguments":{}})";
  const std::string w = R"({"name":"get_weather","parameters":{"city":"北京"}})";
  EXPECT_EQ(run("[" + a + "," + w + "]", 3).calls.size(), 2u);
  const Outcome tags = run("<tool_call>" + a + "</tool_call>\n<tool_call>" + w + "</tool_call>", 5);
  ASSERT_EQ(tags.calls.size(), 2u);
  EXPECT_EQ(tags.calls[1].arguments, R"({"city":"北京"})");
}

TEST(ToolText, everything_else_is_delivered_as_text) {
  for (const std::string text : {"The answer is 4.", R"({"name":"unknown","arguments":{}})",
                                 R"({"name":"add"})", R"({"name":"add","arguments":{}} and more)",
                                 "```json\n{\"a\":1}\n```", "{", "", "```python\nprint(1)\n```",
                                 R"({"name":"add","arguments":{"a":)", "<tool_calling> is fun"}) {
    for (std::size_t cut = 1; cut <= text.size() + 1; ++cut) {
      const Outcome outcome = run(text, cut);
      EXPECT_TRUE(outcome.calls.empty()) << text;
      EXPECT_EQ(outcome.text, text);
    }
  }
}

TEST(ToolText, plain_text_is_not_delayed) {
  ToolText reader({"add"});
  EXPECT_EQ(reader.add("He"), "He");
  EXPECT_EQ(reader.add("{"), "{");
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
