// The built-in templates through the template engine, against the vendors' renderings.
#include "schema/builtin_templates.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/llama/chat/chat_test.h"

namespace xc::engine::llama {
namespace {

using schema::Role;

const std::string kOne(schema::kTeleChat1Template);
const std::string kTwo(schema::kTeleChat2Template);
const std::string kXing(schema::kXing4Template);

std::string family(int vocabulary, const std::set<std::string, std::less<>>& tokens) {
  const std::string found = schema::builtin_template(
      vocabulary, [&tokens](std::string_view text) { return tokens.contains(text); });
  if (found == kOne) return "telechat1";
  if (found == kTwo) return "telechat2";
  return found == kXing ? "xing4" : found.empty() ? "none" : "?";
}

TEST(BuiltinTemplates, are_chosen_by_vocabulary) {
  EXPECT_EQ(family(160'256, {"<_user>", "<_bot>", "<_end>", "<_start>"}), "telechat1");
  EXPECT_EQ(family(120'000, {"<_user>", "<_bot>", "<_end>", "<_system>"}), "telechat1");
  EXPECT_EQ(family(131'072, {"<_user>", "<_bot>", "<_end>", "<_system>"}), "telechat2");
  EXPECT_EQ(family(131'072, {"<_user>", "<_bot>", "<_end>", "<_system>", "<tool_call>"}),
            "telechat2");
  EXPECT_EQ(family(131'072, {"<_user>", "<_bot>", "<_end>", "<think>", "<tool_call>"}), "none");
  EXPECT_EQ(family(131'072, {"<_user>", "<_bot>", "<_end>", "<think>", "<_observation>"}), "xing4");
  EXPECT_EQ(family(32'000, {}), "none");
}

TEST(BuiltinTemplates, telechat_1) {
  schema::ChatRequest request = asks("你好");
  EXPECT_EQ(prompt(kOne, request), "<_user>你好<_bot>");
  request.messages = {turn(Role::System, " 简短。\n"), turn(Role::User, "一"),
                      turn(Role::Assistant, "二"), turn(Role::User, "三")};
  EXPECT_EQ(prompt(kOne, request), "简短。<_user>一<_bot>二<_end><_user>三<_bot>");
  request.messages.push_back(turn(Role::Assistant, "四，"));
  EXPECT_EQ(prompt(kOne, request), "简短。<_user>一<_bot>二<_end><_user>三<_bot>四，");
  request.messages = {turn(Role::System, "甲"), turn(Role::System, "乙"), turn(Role::User, "一")};
  EXPECT_EQ(prompt(kOne, request), "乙<_user>一<_bot>");  // the last one, as the vendor's has it
}

// The prompt of the golden vector, character by character (Tele-AI/TeleChat2, PR 14).
TEST(BuiltinTemplates, telechat_2) {
  const std::string golden =
      "<_system>你是中国电信星辰语义大模型，英文名是TeleChat，你是由中电信人工智能科技有限公司和"
      "中国电信人工智能研究院（TeleAI）研发的人工智能助手。\n<_user>你好<_bot>";
  schema::ChatRequest request = asks("你好");
  EXPECT_EQ(prompt(kTwo, request), golden);
  request.messages = {turn(Role::System, "简短。"), turn(Role::User, "一"),
                      turn(Role::Assistant, "二"), turn(Role::User, "三")};
  EXPECT_EQ(prompt(kTwo, request), "<_system>简短。\n<_user>一<_bot>二<_end>\n<_user>三<_bot>");
}

TEST(BuiltinTemplates, telechat_2_tools) {
  schema::ChatRequest request = asks("天气？");
  request.tools = {kWeather};
  schema::Message call = turn(Role::Assistant, "");
  call.tool_calls = {{"c1", "get_weather", R"({"city": "北京"})"},
                     {"c2", "get_weather", R"({"city": "上海"})"}};
  schema::Message first = turn(Role::Tool, "晴"), second = turn(Role::Tool, "雨");
  first.tool_call_id = "c1";
  second.tool_call_id = "c2";
  request.messages.insert(request.messages.end(), {call, first, second});
  const std::string told = prompt(kTwo, request);
  EXPECT_NE(told.find("研发的人工智能助手。\n\n# 可用工具\n"), std::string::npos) << told;
  EXPECT_NE(told.find("\n<tools>\n{"), std::string::npos) << told;
  EXPECT_NE(told.find("}\n</tools>\n\n# 调用方法\n"), std::string::npos) << told;
  EXPECT_TRUE(told.ends_with(
      "\n<_user>天气？<_bot><tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "
      "\"北京\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
      "{\"city\": \"上海\"}}\n</tool_call><_end>\n<_user><tool_response>\n晴\n"
      "</tool_response>\n<tool_response>\n雨\n</tool_response><_bot>"))
      << told;
  const std::string answer =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"北京\"}}\n</tool_call>";
  EXPECT_EQ(hear(kTwo, request, answer).calls, "get_weather{\"city\": \"北京\"};");
}

TEST(BuiltinTemplates, xing_4_turns) {
  schema::ChatRequest request = asks("1+1=?");
  EXPECT_EQ(prompt(kXing, request), "<_system><_user>1+1=?<_bot><think>\n");
  request.thinking = true;
  EXPECT_EQ(prompt(kXing, request), "<_system><_user>1+1=?<_bot><think>\n");
  request.thinking = false;
  EXPECT_EQ(prompt(kXing, request), "<_system><_user>1+1=?<_bot></think>");
  request.thinking.reset();
  request.messages.insert(request.messages.begin(), turn(Role::System, "SYS"));
  EXPECT_EQ(prompt(kXing, request), "<_system>SYS<_user>1+1=?<_bot><think>\n");
  request.messages = {turn(Role::User, "Q1"), turn(Role::Assistant, "A1"), turn(Role::User, "Q2")};
  const std::string told = "<_system><_user>Q1<_bot></think>A1<_end>\n<_user>Q2<_bot><think>\n";
  EXPECT_EQ(prompt(kXing, request), told);
  request.messages[1].reasoning = "R1";
  EXPECT_EQ(prompt(kXing, request), told);
  request.messages[1] = turn(Role::Assistant, "<think>\nR1\n</think>A1");
  EXPECT_EQ(prompt(kXing, request), told);
}

const schema::Tool kCity{
    "get_weather", "Get weather of a city",
    R"({"type":"object","properties":{"city":{"type":"string","description":"city name"}},"required":["city"]})",
    false};
const std::string kToolsTold =
    "\n# Tools\n\nYou may call one or more functions to assist with the user query."
    "\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
    R"({"type": "function", "function": {"name": "get_weather", "description": "Get weather of a city", )"
    R"("parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "city name"}}, )"
    R"("required": ["city"]}}})"
    "\n</tools>\n\nFor each function call, output the function name and arguments within the "
    "following XML format:\n<tool_call>{function-name}<param_key>{param-key-1}</param_key>"
    "<param_value>{param-value-1}</param_value><param_key>{param-key-2}</param_key>"
    "<param_value>{param-value-2}</param_value>...</tool_call>";

TEST(BuiltinTemplates, xing_4_tools) {
  schema::ChatRequest request = asks("Search");
  request.tools = {kCity};
  EXPECT_EQ(prompt(kXing, request), "<_system>" + kToolsTold + "<_user>Search<_bot><think>\n");
  schema::Message call = turn(Role::Assistant, "");
  call.tool_calls = {{"c1", "get_weather", R"({"city":"beijing","days":3,"metric":true})"}};
  schema::Message found = turn(Role::Tool, "Found");
  found.tool_call_id = "c1";
  request.messages.insert(request.messages.end(),
                          {call, found, turn(Role::Assistant, "Done"), turn(Role::User, "Next")});
  EXPECT_EQ(prompt(kXing, request),
            "<_system>" + kToolsTold +
                "<_user>Search<_bot></think><tool_call>get_weather"
                "<param_key>city</param_key><param_value>beijing</param_value>"
                "<param_key>days</param_key><param_value>3</param_value>"
                "<param_key>metric</param_key><param_value>true</param_value></tool_call><_end>\n"
                "<_observation><tool_response>Found</tool_response><_bot></think>Done<_end>\n"
                "<_user>Next<_bot><think>\n");
  request.messages = {turn(Role::User, "Q"), call, found, found};
  EXPECT_TRUE(prompt(kXing, request)
                  .ends_with("<_end>\n<_observation><tool_response>Found</tool_response>"
                             "<tool_response>Found</tool_response><_bot><think>\n"))
      << prompt(kXing, request);
}

TEST(BuiltinTemplates, xing_4_answers) {
  schema::ChatRequest request = asks("天气？");
  request.tools = {kCity};
  const Heard heard = hear(kXing, request,
                           "想。\n</think>好。<tool_call>get_weather<param_key>city</param_key>"
                           "<param_value>北京</param_value></tool_call>");
  EXPECT_EQ(heard.reasoning, "想。");
  EXPECT_EQ(heard.content, "好。");
  EXPECT_EQ(heard.calls, "get_weather{\"city\":\"北京\"};");
}

}  // namespace
}  // namespace xc::engine::llama
