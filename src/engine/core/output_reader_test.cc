#include "engine/core/output_reader.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace xc::engine {
namespace {

// What a model wrote and what must come of it, however it is cut. Calls: "name arguments" each.
struct Script {
  std::string output;
  std::string content{};
  std::vector<std::string> calls{};
  bool unread = false;
  std::string reasoning{};
};

std::vector<schema::Tool> tools() {
  return {{"add", "", R"({"type":"object","properties":{"s":{"type":"string"}}})", false},
          {"get_weather", "", "{}", false}};
}

OutputForm with_tools(OutputForm form) {
  form.tools = tools();
  return form;
}
OutputForm thinking(OutputForm form, bool open) {
  form.thinks = true;
  form.thinking = open;
  return form;
}

Script collect(const OutputForm& form, const std::vector<std::string_view>& pieces) {
  OutputReader reader(form);
  OutputParts parts;
  for (const std::string_view piece : pieces) reader.add(piece, parts);
  reader.finish(parts);
  Script got{{}, parts.content, {}, parts.unread_call, parts.reasoning};
  for (const auto& call : parts.calls) got.calls.push_back(call.name + " " + call.arguments);
  return got;
}

void expect_same(const Script& got, const Script& want, const std::string& cut) {
  ASSERT_EQ(got.content, want.content) << want.output << " cut " << cut;
  ASSERT_EQ(got.reasoning, want.reasoning) << want.output << " cut " << cut;
  ASSERT_EQ(got.calls, want.calls) << want.output << " cut " << cut;
  ASSERT_EQ(got.unread, want.unread) << want.output << " cut " << cut;
}

// Every way into two pieces, every way into two cuts of short ones, and every even slicing.
void check(const OutputForm& form, const std::vector<Script>& scripts) {
  for (const Script& script : scripts) {
    const std::string_view all = script.output;
    for (std::size_t at = 0; at <= all.size(); ++at) {
      expect_same(collect(form, {all.substr(0, at), all.substr(at)}), script, std::to_string(at));
      for (std::size_t b = at; all.size() < 120 && b <= all.size(); ++b) {
        expect_same(collect(form, {all.substr(0, at), all.substr(at, b - at), all.substr(b)}),
                    script, std::to_string(at) + "," + std::to_string(b));
      }
    }
    for (std::size_t size = 1; size <= all.size(); ++size) {
      std::vector<std::string_view> pieces;
      for (std::size_t i = 0; i < all.size(); i += size) pieces.push_back(all.substr(i, size));
      expect_same(collect(form, pieces), script, "every " + std::to_string(size));
    }
  }
}

const std::string kAdd = R"({"name": "add", "arguments": {"a": 1, "b": [2]}})";
const std::string kAddCall = R"(add {"a": 1, "b": [2]})";
const std::string kRain = R"({"name":"get_weather","arguments":{"city":"北京"}})";
const std::string kRainCall = R"(get_weather {"city":"北京"})";
std::string tag(const std::string& body) { return "<tool_call>" + body + "</tool_call>"; }

TEST(OutputReader, hermes_calls) {
  check(
      with_tools(hermes_form()),
      {{tag("\n" + kAdd + "\n"), "", {kAddCall}},
       {tag(kAdd) + "\n" + tag(kRain), "", {kAddCall, kRainCall}},
       {tag(kAdd) + tag(kRain) + "\n", "", {kAddCall, kRainCall}},
       {tag("[" + kAdd + "," + kRain + "]"), "", {kAddCall, kRainCall}},
       {"我来查一下。\n" + tag(kRain), "我来查一下。", {kRainCall}},
       {"First.\n" + tag(kAdd) + "\nThen.\n" + tag(kRain) + "\nDone.\n",
        "First.\n\nThen.\n\nDone.",
        {kAddCall, kRainCall}},
       {"<tool_call>" + kAdd, "", {kAddCall}},
       {"<tool_call>" + kAdd + "\n</tool_", "", {kAddCall}},
       {"<tool_call>" + kAdd + "\n<tool_call>" + kRain + "</tool_call>", "", {kAddCall, kRainCall}},
       {"a < b, <tool, <tool_call", "a < b, <tool, <tool_call"},
       {"<<tool_call>" + kAdd + "</tool_call>", "<", {kAddCall}}});
}

TEST(OutputReader, tags_within_strings_are_data) {
  const std::string code = R"({"s": "print(\"</tool_call>\\\") <tool_call>{"})";
  check(with_tools(hermes_form()),
        {{tag(R"({"name": "add", "arguments": )" + code + "}"), "", {"add " + code}},
         {tag("add<param_key>s</param_key><param_value>a</tool_call>b</param_value>"),
          "",
          {R"(add {"s":"a</tool_call>b"})"}}});
}

TEST(OutputReader, xing_calls) {
  const std::string pair = "<param_key>s</param_key><param_value>你好</param_value>";
  const std::string two =
      "get_weather\n<param_key>city</param_key>\n<param_value>上海</param_value>\n"
      "<param_key>days</param_key>\n<param_value>3</param_value>\n";
  check(with_tools(hermes_form()),
        {{tag("add" + pair), "", {R"(add {"s":"你好"})"}},
         {tag(two) + tag("add"), "", {R"(get_weather {"city":"上海","days":3})", "add {}"}},
         {"好。" + tag("add" + pair), "好。", {R"(add {"s":"你好"})"}},
         {"<tool_call>add<param_key>s</param_key><param_val",
          "<tool_call>add<param_key>s</param_key><param_val",
          {},
          true},
         {tag("drop" + pair), tag("drop" + pair), {}, true}});
}

// An answer may begin with a citation, which begins like a list of calls.
TEST(OutputReader, citations_are_text) {
  for (const std::string text : {"[citation:1]晴。[citation:2][citation:13]", "[citation:1]",
                                 "晴[citation:1]。\n\n[citation:3]"}) {
    check(OutputForm(), {{text, text}});
    check(with_tools(hermes_form()), {{text, text}, {tag(kAdd) + text, text, {kAddCall}}});
  }
}

TEST(OutputReader, deepseek_calls) {
  const std::string r1 =
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n"
      "{\"a\": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
      "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
  const std::string v31 =
      "Now.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": 1}"
      "<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
  check(with_tools(deepseek_form()),
        {{r1, "", {R"(add {"a": 1})", "get_weather {}"}}, {v31, "Now.", {R"(add {"a": 1})"}}});
}

TEST(OutputReader, plain_json_that_is_the_whole_answer) {
  check(with_tools(hermes_form()),
        {{kAdd, "", {kAddCall}},
         {"\n " + kAdd + "\n", "", {kAddCall}},
         {"```json\n" + kAdd + "\n```", "", {kAddCall}},
         {"```\n" + kAdd + "```\n", "", {kAddCall}},
         {"[" + kAdd + ", " + kRain + "]", "", {kAddCall, kRainCall}},
         {"```xml\n" + tag(kAdd) + "\n" + tag(kRain) + "\n```", "", {kAddCall, kRainCall}}});
}

TEST(OutputReader, what_is_no_call_is_text_unchanged) {
  std::vector<Script> scripts;
  for (const std::string text :
       {"The answer is 4.\n", R"({"name":"unknown","arguments":{}})", "```json\n{\"a\":1}\n```",
        "{", "", " \n", "```python\nprint(1)\n```", "<tool_calling> is fun", "{\"city\": 1}\n",
        "`x` and `y`", "```", "[1, 2]", "</tool_call>"}) {
    scripts.push_back({text, text});
  }
  // Meant as a call, and no call.
  for (const std::string text : {R"({"name":"add","arguments":{}} and more)",
                                 R"({"name":"add","arguments":{"a":)", R"({"name":"add"})"}) {
    scripts.push_back({text, text, {}, true});
  }
  check(with_tools(hermes_form()), scripts);
}

TEST(OutputReader, broken_and_unfinished_calls_are_text_and_said_to_be) {
  const std::string broken = tag(R"({"name": "add", "arguments": {"a": }})");
  const std::string unfinished = R"(<tool_call>{"name": "add", "arguments": {"a": [1, )";
  const std::string undeclared = tag(R"({"name": "rm", "arguments": {}})");
  const std::string quote = tag(R"({"name": "add", "arguments": {"a": "x}})");
  check(with_tools(hermes_form()),
        {{broken, broken, {}, true},
         {unfinished, unfinished, {}, true},
         {undeclared, undeclared, {}, true},
         {"Hm.\n" + broken + "\n" + tag(kAdd), "Hm.\n" + broken, {kAddCall}, true},
         {tag(kAdd) + "\n" + unfinished, unfinished, {kAddCall}, true},
         {quote + "\n" + tag(kRain), quote, {kRainCall}, true},
         {tag(""), tag(""), {}, true}});
}

TEST(OutputReader, tags_in_code_are_text) {
  const std::string fenced = "Write it so:\n```xml\n" + tag(kAdd) + "\n```\nSee?";
  const std::string longer = "So:\n````\n```\n" + tag(kAdd) + "\n````\n";
  const std::string open = "~~~\n" + tag(kAdd);
  const std::string inline_code = "Use `<tool_call>` and `</tool_call>`.";
  check(with_tools(hermes_form()), {{fenced, fenced},
                                    {longer, longer},
                                    {open, open},
                                    {inline_code, inline_code},
                                    {"```py\nx\n```\n" + tag(kAdd), "```py\nx\n```", {kAddCall}}});
}

TEST(OutputReader, thoughts) {
  const std::string both = "<think>\nWell, <b> </thin\nso.\n</think>\n\nYes.\n";
  check(thinking({}, false), {{both, "Yes.\n", {}, false, "Well, <b> </thin\nso."},
                              {"\n<think>a</think>b", "b", {}, false, "a"},
                              {"<think></think>b", "b"},
                              {"<think>\n\n</think>\n\nb", "b"},
                              {"No thoughts <think>.", "No thoughts <think>."},
                              {"<thi", "<thi"},
                              {"<think>never ends", "", {}, false, "never ends"},
                              {" \n x", " \n x"}});
  check(thinking({}, true), {{"a\n</think>\n\nb", "b", {}, false, "a"},
                             {"a <think> b</think>c", "c", {}, false, "a <think> b"},
                             {"</think>b", "b"},
                             {"</think>", ""},
                             {"cut </th", "", {}, false, "cut </th"}});
}

TEST(OutputReader, thoughts_and_calls) {
  const std::string musing = "I could write " + tag(kAdd) + " now.";
  check(thinking(with_tools(hermes_form()), true),
        {{musing + "\n</think>\n\n" + tag(kRain), "", {kRainCall}, false, musing},
         {"hm</think>\n\nLook:\n" + tag(kRain), "Look:", {kRainCall}, false, "hm"},
         {"hm</think>\n" + kAdd, "", {kAddCall}, false, "hm"},
         {"hm</think>\n\n" + tag("x"), tag("x"), {}, true, "hm"}});
  check(thinking(with_tools(hermes_form()), false),
        {{"<think>hm</think>" + tag(kAdd), "", {kAddCall}, false, "hm"},
         {tag(kAdd), "", {kAddCall}}});
}

TEST(OutputReader, text_is_not_delayed_and_calls_leave_at_their_end) {
  OutputReader reader(with_tools(hermes_form()));
  OutputParts parts;
  reader.add("He", parts);
  EXPECT_EQ(parts.content, "He");
  reader.add("{", parts);
  EXPECT_EQ(parts.content, "He{");
  reader.add(tag(kAdd), parts);
  EXPECT_EQ(parts.calls.size(), 1u);
  OutputReader json(with_tools(hermes_form()));
  OutputParts early;
  json.add("```json\n{\"city\"", early);
  EXPECT_EQ(early.content, "```json\n{\"city\"");
}

TEST(OutputReader, what_grows_without_end_becomes_text) {
  OutputReader reader(with_tools(hermes_form()));
  OutputParts parts;
  reader.add("<tool_call>{\"", parts);
  for (std::size_t i = 0; i < limits::kToolTextBytesMax; i += 1'024) {
    reader.add(std::string(1'024, 'x'), parts);
  }
  EXPECT_GT(parts.content.size(), limits::kToolTextBytesMax);
  EXPECT_TRUE(parts.unread_call);
  // Quadratic work would take minutes.
  std::string many;
  while (many.size() < limits::kToolTextBytesMax - 64) many += "<tool_call>{\"";
  const Script got = collect(with_tools(hermes_form()), {many});
  EXPECT_EQ(got.content, many);
  EXPECT_TRUE(got.unread);
}

}  // namespace
}  // namespace xc::engine
