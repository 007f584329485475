// The forms of the TeleChat and DeepSeek families through llama.cpp's template engine: the text
// that the model sees, and what comes of its answer. The templates say what the released ones say,
// in other words; the released ones travel with the weights.
#include <gtest/gtest.h>

#include "engine/llama/chat/chat_test.h"

namespace xc::engine::llama {
namespace {

// TeleChat 2: system text and tools, calls in Hermes tags, results as a turn of the user.
const std::string kTeleChat2 = R"({%- if tools %}
    {{- '<_system>' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
    {{- '# 可用工具\n<tools>' }}
    {%- for tool in tools %}{{- '\n' + (tool.function | tojson) }}{%- endfor %}
    {{- '\n</tools>\n\n# 调用方法\n<tool_call>\n{"name": 名称, "arguments": 参数}\n</tool_call>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<_system>' + messages[0].content + '\n' }}
{%- else %}
    {{- '<_system>你是中国电信星辰语义大模型。\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<_user>' + message.content }}
    {%- elif message.role == 'assistant' %}
        {%- set content = message.content if message.content else '' %}
        {%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}
        {{- '<_bot>' + content }}
        {%- for call in message.tool_calls or [] %}
            {{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson }}{{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<_end>\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<_user><tool_response>\n' + message.content + '\n</tool_response>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<_bot>' }}@THINK@{%- endif %})";

std::string with(const std::string& think) {
  std::string text = kTeleChat2;
  return text.replace(text.find("@THINK@"), 7, think);
}
const std::string kForced =
    R"({%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- else %}{{- '<think>\n' }}{%- endif %})";

TEST(ChatFormat, telechat_2_prompts) {
  const std::string source = with("");
  schema::ChatRequest request = asks("你好");
  EXPECT_EQ(prompt(source, request), "<_system>你是中国电信星辰语义大模型。\n<_user>你好<_bot>");
  request.messages.insert(request.messages.begin(), turn(schema::Role::System, "简短。"));
  EXPECT_EQ(prompt(source, request), "<_system>简短。\n<_user>你好<_bot>");
  request.tools = {kWeather};
  schema::Message call = turn(schema::Role::Assistant, "");
  call.tool_calls = {{"c1", "get_weather", R"({"city": "北京"})"}};
  schema::Message result = turn(schema::Role::Tool, "晴");
  result.tool_call_id = "c1";
  request.messages.push_back(call);
  request.messages.push_back(result);
  const std::string told = prompt(source, request);
  EXPECT_NE(told.find("<_system>简短。\n\n# 可用工具\n<tools>\n{"), std::string::npos) << told;
  EXPECT_NE(told.find("<_bot><tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "
                      "\"北京\"}}\n</tool_call><_end>\n<_user><tool_response>\n晴\n"
                      "</tool_response><_bot>"),
            std::string::npos)
      << told;
}

TEST(ChatFormat, telechat_2_answers) {
  schema::ChatRequest request = asks("天气？");
  request.tools = {kWeather};
  const std::string call =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"北京\"}}\n</tool_call>";
  const Heard two = hear(with(""), request, "好。\n" + call + "\n" + call);
  EXPECT_EQ(two.content, "好。");
  EXPECT_EQ(two.calls, "get_weather{\"city\": \"北京\"};get_weather{\"city\": \"北京\"};");
  const Heard xing = hear(with(""), request,
                          "<tool_call>get_weather<param_key>city</param_key>"
                          "<param_value>北京</param_value></tool_call>");
  EXPECT_EQ(xing.calls, "get_weather{\"city\":\"北京\"};");
  const Heard cut = hear(with(""), request, call.substr(0, 40));
  EXPECT_EQ(cut.content, call.substr(0, 40));
  EXPECT_TRUE(cut.unread);
  request.tools.clear();
  EXPECT_EQ(hear(with(""), request, call).content, call);  // nothing was on offer
}

TEST(ChatFormat, thinking_is_forced_split_and_forgotten) {
  const std::string source = with(kForced);
  schema::ChatRequest request = asks("一加一？");
  EXPECT_TRUE(prompt(source, request).ends_with("<_user>一加一？<_bot><think>\n"));
  const Heard forced = hear(source, request, "很简单。\n</think>\n\n二");
  EXPECT_EQ(forced.reasoning, "很简单。");
  EXPECT_EQ(forced.content, "二");
  request.thinking = false;
  EXPECT_TRUE(prompt(source, request).ends_with("<_bot><think>\n\n</think>\n\n"));
  EXPECT_EQ(hear(source, request, "二").content, "二");
  EXPECT_EQ(hear(source, request, "二").reasoning, "");
  // Earlier thoughts are dropped, whichever way the client sends them back.
  schema::Message earlier = turn(schema::Role::Assistant, "很简单。\n</think>\n\n二");
  earlier.reasoning = "很简单。";
  request.messages.push_back(earlier);
  request.messages.push_back(turn(schema::Role::User, "再想想"));
  const std::string told = prompt(source, request);
  EXPECT_NE(told.find("<_bot>二<_end>\n<_user>再想想<_bot>"), std::string::npos) << told;
  EXPECT_EQ(told.find("很简单"), std::string::npos) << told;
}

TEST(ChatFormat, a_model_may_open_its_thoughts_itself) {
  const Heard heard = hear(with(""), asks("一加一？"), "<think>\n简单\n</think>\n\n二");
  EXPECT_EQ(heard.reasoning, "简单");
  EXPECT_EQ(heard.content, "二");
}

}  // namespace
}  // namespace xc::engine::llama
