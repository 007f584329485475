#include "schema/anthropic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace xc::schema::anthropic {
namespace {

// R"({"model":"m","max_tokens":8,"messages":[…]…})"
std::string body_with(const std::string& messages, const std::string& more = {}) {
  return R"({"model":"m","max_tokens":8,"messages":[)" + messages + "]" +
         (more.empty() ? "" : "," + more) + "}";
}

ChatRequest parsed(const std::string& json) {
  auto result = parse_messages(json);
  EXPECT_TRUE(result) << json << "\n" << (result ? "" : text_of(result.error(), Language::En));
  return result ? std::move(*result) : ChatRequest{};
}

std::string text_of_parts(const schema::Message& message) {
  std::string out;
  for (const ContentPart& part : message.parts) {
    out += part.image ? "<" + part.image->media_type + ":" + part.image->bytes + ">" : part.text;
  }
  return out;
}

// "user:hi|assistant(thought):text+name(args)#id|tool#id:text"
std::string sketch(const ChatRequest& request) {
  constexpr std::string_view kNames[] = {"system", "user", "assistant", "tool"};
  std::string out;
  for (const schema::Message& message : request.messages) {
    if (!out.empty()) out += '|';
    out += kNames[static_cast<int>(message.role)];
    if (!message.tool_call_id.empty()) out += "#" + message.tool_call_id;
    if (!message.reasoning.empty()) out += "(" + message.reasoning + ")";
    out += ":" + text_of_parts(message);
    for (const ToolCall& call : message.tool_calls) {
      out += "+" + call.name + call.arguments + "#" + call.id;
    }
  }
  return out;
}

TEST(AnthropicParse, ReadsTheWholeRequest) {
  const ChatRequest request = parsed(R"({"model":"m","max_tokens":100,"system":"be brief",
    "messages":[{"role":"user","content":"hi"}],"stop_sequences":["END","\n\n"],
    "temperature":0.5,"top_p":0.9,"top_k":40,"stream":true,"thinking":{"type":"enabled",
    "budget_tokens":1024},"metadata":{"user_id":"u"},"service_tier":"auto","unknown":{"a":1},
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},
    "cache_control":{"type":"ephemeral"}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},
    "output_config":{"effort":"max","format":{"type":"json_schema","schema":{"type":"array"}}}})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.max_tokens, 100);
  EXPECT_EQ(sketch(request), "system:be brief|user:hi");
  EXPECT_THAT(request.stop, testing::ElementsAre("END", "\n\n"));
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_EQ(request.sampling.top_p, 0.9);
  EXPECT_EQ(request.sampling.top_k, 40);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.thinking, true);
  ASSERT_EQ(request.tools.size(), 1u);
  EXPECT_EQ(request.tools[0].description, "d");
  EXPECT_EQ(request.tools[0].parameters_json, R"({"type":"object"})");
  EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::Required);
  EXPECT_FALSE(request.parallel_tool_calls);
  EXPECT_EQ(request.reasoning_effort, "high");
  EXPECT_EQ(request.format.kind, ResponseFormat::Kind::JsonSchema);
  EXPECT_EQ(request.format.schema_json, R"({"type":"array"})");
}

TEST(AnthropicParse, Conversations) {
  struct Row {
    std::string messages;
    std::string expected;
  };
  const Row rows[] = {
      {R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})",
       "user:ab"},
      // turns need not alternate
      {R"({"role":"user","content":"a"},{"role":"user","content":"b"})", "user:a|user:b"},
      {R"({"role":"system","content":[{"type":"text","text":"s"}]},{"role":"user","content":"a"})",
       "system:s|user:a"},
      // a round trip of two parallel tools, one of which failed, with a question behind them
      {R"({"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},
          {"type":"redacted_thinking","data":"?"},{"type":"text","text":"ok"},
          {"type":"tool_use","id":"c1","name":"f","input":{"a":1.0,"b":"x"}},
          {"type":"tool_use","id":"c2","name":"g"}]},
         {"role":"user","content":[
          {"type":"tool_result","tool_use_id":"c1","content":"42"},
          {"type":"tool_result","tool_use_id":"c2","is_error":true,
           "content":[{"type":"text","text":"no such"}]},
          {"type":"text","text":"and now?"}]})",
       "assistant(hm):ok+f{\"a\":1.0,\"b\":\"x\"}#c1+g{}#c2|tool#c1:42|tool#c2:Error: no such|"
       "user:and now?"},
      {R"({"role":"user","content":[{"type":"text","text":"a"},
          {"type":"tool_result","tool_use_id":"c1"},{"type":"text","text":"b"}]})",
       "user:a|tool#c1:|user:b"},
      {R"({"role":"user","content":[{"type":"image","source":{"type":"base64",
          "media_type":"image/png","data":"aGk="}},{"type":"text","text":"?"}]})",
       "user:<image/png:hi>?"},
      {R"({"role":"user","content":[{"type":"image","source":{"type":"url",
          "url":"data:image/png;base64,aGk="}}]})",
       "user:<image/png:hi>"},
      {R"({"role":"user","content":[{"type":"document","title":"T","source":{"type":"text",
          "media_type":"text/plain","data":"body"}},{"type":"search_result","source":"s",
          "title":"t","content":[{"type":"text","text":"found"}]}]})",
       "user:T\nbodyfound"},
      {R"({"role":"user","content":"q"},{"role":"assistant","content":"The answer is ("})",
       "user:q|assistant:The answer is ("},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(sketch(parsed(body_with(row.messages))), row.expected) << row.messages;
  }
}

TEST(AnthropicParse, ToolChoiceAndThinking) {
  const std::string user = R"({"role":"user","content":"a"})";
  const std::string tools = R"("tools":[{"name":"f","type":"custom","input_schema":{}}])";
  const ChatRequest named =
      parsed(body_with(user, tools + R"(,"tool_choice":{"type":"tool","name":"f"})"));
  EXPECT_EQ(named.tool_choice.kind, ToolChoice::Kind::Named);
  EXPECT_EQ(named.tool_choice.name, "f");
  EXPECT_TRUE(named.parallel_tool_calls);
  const ChatRequest none = parsed(body_with(user, tools + R"(,"tool_choice":{"type":"none"})"));
  EXPECT_EQ(none.tool_choice.kind, ToolChoice::Kind::None);
  EXPECT_EQ(parsed(body_with(user, R"("thinking":{"type":"disabled"})")).thinking, false);
  EXPECT_EQ(parsed(body_with(user, R"("thinking":{"type":"adaptive"})")).thinking, std::nullopt);
  EXPECT_EQ(parsed(body_with(user, R"("thinking":null)")).thinking, std::nullopt);
}

TEST(AnthropicParse, RefusesWithTheFieldAtFault) {
  const std::string user = R"({"role":"user","content":"a"})";
  const std::string image = R"({"role":"user","content":[{"type":"image","source":)";
  struct Row {
    std::string json;
    xc::Message message;
    std::string param;
  };
  using enum xc::Message;
  const Row rows[] = {
      {"{", BadJson, ""},
      {"[]", WrongType, ""},
      {"{\"model\":\"\xff\"}", BadUtf8, ""},
      {R"({"max_tokens":1,"messages":[]})", MissingField, "model"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}]})", MissingField, "max_tokens"},
      {R"({"model":"m","max_tokens":1})", MissingField, "messages"},
      {body_with(""), PromptEmpty, "messages"},
      {body_with("", R"("system":"s")"), PromptEmpty, "messages"},
      {body_with(R"({"role":"user","content":[]})"), PromptEmpty, "messages"},
      {body_with(user, R"("tools":[{"name":"","input_schema":{}}])"), MissingField,
       "tools[0].name"},
      {R"({"model":"m","max_tokens":-1,"messages":[]})", OutOfRange, "max_tokens"},
      {R"({"model":"m","max_tokens":"8","messages":[]})", WrongType, "max_tokens"},
      {body_with("3"), WrongType, "messages[0]"},
      {body_with(R"({"role":"tool","content":"a"})"), BadValue, "messages[0].role"},
      {body_with(R"({"role":"user"})"), MissingField, "messages[0].content"},
      {body_with(R"({"role":"user","content":7})"), WrongType, "messages[0].content"},
      {body_with(user + R"(,{"role":"user","content":[{"type":"tool_use"}]})"), BadValue,
       "messages[1].content[0].type"},
      {body_with(R"({"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f",
        "input":"x"}]})"),
       WrongType, "messages[0].content[0].input"},
      {body_with(R"({"role":"user","content":[{"type":"tool_result"}]})"), MissingField,
       "messages[0].content[0].tool_use_id"},
      {body_with(image + R"({"type":"url","url":"https://x/y.png"}}]})"), RemoteImage,
       "messages[0].content[0].source.url"},
      {body_with(image + R"({"type":"file","file_id":"f"}}]})"), BadValue,
       "messages[0].content[0].source.type"},
      {body_with(image + R"({"type":"base64","media_type":"image/png","data":"!"}}]})"), BadImage,
       "messages[0].content[0].source.data"},
      {body_with(user, R"("system":[{"type":"image"}])"), MissingField, "system[0].source"},
      {body_with(user, R"("tools":[{"name":"f"}])"), MissingField, "tools[0].input_schema"},
      {body_with(user, R"("tools":[{"type":"web_search_20250305","name":"web_search"}])"), BadValue,
       "tools[0].type"},
      {body_with(user, R"("tool_choice":{"type":"tool","name":"f"})"), BadValue,
       "tool_choice.name"},
      {body_with(user, R"("tool_choice":{"type":"any"})"), MissingField, "tools"},
      {body_with(user, R"("temperature":3)"), OutOfRange, "temperature"},
      {body_with(user, R"("thinking":{"type":"yes"})"), BadValue, "thinking.type"},
      {body_with(user, R"("stop_sequences":[""])"), BadLength, "stop_sequences[0]"},
      {body_with(user, R"("stream":"yes")"), WrongType, "stream"},
  };
  for (const Row& row : rows) {
    const auto result = parse_messages(row.json);
    ASSERT_FALSE(result) << row.json;
    EXPECT_EQ(name_of(result.error().message), name_of(row.message)) << row.json;
    EXPECT_EQ(result.error().param, row.param) << row.json;
    EXPECT_EQ(result.error().code, Code::InvalidRequest) << row.json;
  }
}

TEST(AnthropicParse, BoundsImagesOverTheWholeRequest) {
  std::string blocks;
  for (std::size_t i = 0; i <= limits::kImagesMax; ++i) {
    if (i > 0) blocks += ',';
    blocks += R"({"type":"image","source":{"type":"base64","media_type":"image/png",)"
              R"("data":"aGk="}})";
  }
  const auto result = parse_messages(body_with(R"({"role":"user","content":[)" + blocks + "]}"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, xc::Message::TooMany);
}

// Blocks of one message become messages of their own: the bound is on those.
TEST(AnthropicParse, BoundsTurnsAfterTheyAreSplit) {
  std::string blocks;
  for (std::size_t i = 0; i < limits::kMessagesMax; ++i) {
    if (i > 0) blocks += ',';
    blocks += R"({"type":"tool_result","tool_use_id":"c"})";
  }
  const std::string turn = R"({"role":"user","content":[)" + blocks + "]}";
  EXPECT_TRUE(parse_messages(body_with(turn)));
  const auto result = parse_messages(body_with(turn + "," + turn));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, xc::Message::TooMany);
}

TEST(AnthropicParse, CountTokensNeedsNoMaxTokens) {
  const auto result = parse_count_tokens(R"({"model":"m","messages":[
    {"role":"user","content":"a"}]})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->max_tokens, std::nullopt);
}

}  // namespace
}  // namespace xc::schema::anthropic
