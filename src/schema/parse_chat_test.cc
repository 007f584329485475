#include <gtest/gtest.h>

#include "base/limits.h"
#include "schema/openai.h"

namespace xc::schema {
namespace {

// A request with one user message and these further fields.
std::string with(std::string_view fields) {
  std::string out = R"({"model":"m","messages":[{"role":"user","content":"hi"}])";
  if (!fields.empty()) out.append(",").append(fields);
  return out + "}";
}
std::string saying(std::string_view messages) {
  return R"({"model":"m","messages":[)" + std::string(messages) + "]}";
}
constexpr std::string_view kTool =
    R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])";

TEST(ParseChat, Smallest) {
  const auto r = parse_chat(with(""));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->model, "m");
  ASSERT_EQ(r->messages.size(), 1u);
  EXPECT_EQ(r->messages[0].role, Role::User);
  EXPECT_EQ(r->messages[0].parts.at(0).text, "hi");
  EXPECT_FALSE(r->max_tokens);
  EXPECT_FALSE(r->sampling.temperature);
  EXPECT_EQ(r->n, 1);
  EXPECT_FALSE(r->stream);
}

TEST(ParseChat, EveryField) {
  const auto r = parse_chat(with(
      R"("temperature":0,"top_p":0.9,"top_k":-1,"min_p":0.05,"presence_penalty":-2,
      "frequency_penalty":2.0,"repetition_penalty":1.1,"seed":-7,"logit_bias":{"12":-100,"0":5},
      "max_tokens":9,"max_completion_tokens":7.0,"n":2,"stop":["a","b"],"stream":true,
      "stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":3,"ignore_eos":true,
      "reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false,"x":[1]},
      "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}},
      "user":"u","metadata":{"a":1},"store":true,"unknown":[],"parallel_tool_calls":null)"));
  ASSERT_TRUE(r) << text_of(r.error(), Language::En);
  EXPECT_EQ(r->sampling.temperature, 0.0);
  EXPECT_EQ(r->sampling.top_k, 0);
  EXPECT_EQ(r->sampling.seed, -7);
  ASSERT_EQ(r->sampling.logit_bias.size(), 2u);
  EXPECT_EQ(r->sampling.logit_bias[0], std::pair(12, -100.0));
  EXPECT_EQ(r->max_tokens, 7);  // max_completion_tokens wins
  EXPECT_EQ(r->n, 2);
  EXPECT_EQ(r->stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(r->stream && r->include_usage && r->logprobs && r->ignore_eos);
  EXPECT_EQ(r->top_logprobs, 3);
  EXPECT_EQ(r->reasoning_effort, "low");
  EXPECT_EQ(r->thinking, false);
  EXPECT_EQ(r->template_kwargs.at("x"), "[1]");
  EXPECT_EQ(r->format.kind, ResponseFormat::Kind::JsonSchema);
  EXPECT_EQ(r->format.schema_json, R"({"type":"object"})");
  EXPECT_TRUE(r->parallel_tool_calls);
}

TEST(ParseChat, Conversation) {
  const auto r = parse_chat(saying(
      R"({"role":"developer","content":"be brief"},
      {"role":"user","content":[{"type":"text","text":"look"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}}]},
      {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"42"},
      {"role":"assistant","content":"done","reasoning":"so"})"));
  ASSERT_TRUE(r) << text_of(r.error(), Language::En);
  const auto& m = r->messages;
  ASSERT_EQ(m.size(), 5u);
  EXPECT_EQ(m[0].role, Role::System);
  ASSERT_EQ(m[1].parts.size(), 2u);
  EXPECT_EQ(m[1].parts[1].image->bytes, "foo");
  EXPECT_TRUE(m[2].parts.empty());
  EXPECT_EQ(m[2].reasoning, "hm");
  EXPECT_EQ(m[2].tool_calls.at(0).arguments, R"({"a":1})");
  EXPECT_EQ(m[3].tool_call_id, "c1");
  EXPECT_EQ(m[4].reasoning, "so");
}

TEST(ParseChat, Tools) {
  const auto named = parse_chat(
      with(std::string(kTool) + R"(,"tool_choice":{"type":"function","function":{"name":"f"}})"));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->tools.at(0).parameters_json, R"({"type":"object"})");
  EXPECT_EQ(named->tool_choice.kind, ToolChoice::Kind::Named);
  EXPECT_EQ(named->tool_choice.name, "f");
  const auto bare = parse_chat(with(R"("tool_choice":"none","parallel_tool_calls":false)"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->tool_choice.kind, ToolChoice::Kind::Auto);
  EXPECT_TRUE(bare->parallel_tool_calls);
}

TEST(ParseChat, LegacyFunctions) {
  const auto r = parse_chat(
      R"({"model":"m","functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[
      {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
      {"role":"function","name":"f","content":"1"}]})");
  ASSERT_TRUE(r) << text_of(r.error(), Language::En);
  EXPECT_EQ(r->tools.at(0).parameters_json, "{}");
  EXPECT_EQ(r->tool_choice.name, "f");
  EXPECT_EQ(r->messages[1].role, Role::Tool);
  EXPECT_EQ(r->messages[1].tool_call_id, r->messages[0].tool_calls.at(0).id);
}

struct Bad {
  std::string json;
  std::string_view param;
  std::string_view text;
};

void expect_bad(const Bad& bad) {
  const auto r = parse_chat(bad.json);
  ASSERT_FALSE(r) << bad.json;
  EXPECT_EQ(r.error().code, Code::InvalidRequest) << bad.json;
  EXPECT_EQ(r.error().param, bad.param) << bad.json;
  EXPECT_EQ(text_of(r.error(), Language::En), bad.text) << bad.json;
}

TEST(ParseChat, BadBodyAndScalars) {
  for (const Bad& bad : {
           Bad{"", "", "The request body is not valid JSON: incomplete JSON (byte 0)."},
           Bad{"[]", "", "The field 'body' must be object, got array."},
           Bad{"{}", "model", "The required field 'model' is missing."},
           Bad{R"({"model":null})", "model", "The required field 'model' is missing."},
           Bad{R"({"model":""})", "model", "The required field 'model' is missing."},
           Bad{R"({"model":1})", "model", "The field 'model' must be string, got integer."},
           Bad{R"({"model":"m"})", "messages", "The required field 'messages' is missing."},
           Bad{R"({"model":"m","messages":"hi"})", "messages",
               "The field 'messages' must be array, got string."},
           Bad{saying(""), "messages", "The prompt is empty."},
           Bad{with(R"("max_tokens":-1)"), "max_tokens",
               "The field 'max_tokens' must be between 1 and 1048576, got -1."},
           Bad{with(R"("max_completion_tokens":0)"), "max_completion_tokens",
               "The field 'max_completion_tokens' must be between 1 and 1048576, got 0."},
           Bad{with(R"("max_tokens":1.5)"), "max_tokens",
               "The field 'max_tokens' must be integer, got number."},
           Bad{with(R"("max_tokens":"9")"), "max_tokens",
               "The field 'max_tokens' must be integer, got string."},
           Bad{with(R"("temperature":2.1)"), "temperature",
               "The field 'temperature' must be between 0 and 2, got 2.1."},
           Bad{with(R"("top_p":-0.1)"), "top_p",
               "The field 'top_p' must be between 0 and 1, got -0.1."},
           Bad{with(R"("temperature":1e999)"), "temperature",
               "The field 'temperature' must be between 0 and 2, got infinity."},
           Bad{with(R"("presence_penalty":3)"), "presence_penalty",
               "The field 'presence_penalty' must be between -2 and 2, got 3."},
           Bad{with(R"("n":17)"), "n", "The field 'n' must be between 1 and 16, got 17."},
           Bad{with(R"("n":0)"), "n", "The field 'n' must be between 1 and 16, got 0."},
           Bad{with(R"("stream":"yes")"), "stream",
               "The field 'stream' must be boolean, got string."},
           Bad{with(R"("stream_options":{"include_usage":1})"), "stream_options.include_usage",
               "The field 'stream_options.include_usage' must be boolean, got integer."},
           Bad{with(R"("top_logprobs":2)"), "logprobs",
               "The field 'logprobs' does not support 'false'; use one of: true."},
           Bad{with(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs",
               "The field 'top_logprobs' must be between 0 and 20, got 21."},
           Bad{with(R"("logit_bias":{"x":1})"), "logit_bias.x",
               "The field 'logit_bias.x' does not support 'x'; use one of: token ids."},
           Bad{with(R"("logit_bias":{"5":101})"), "logit_bias.5",
               "The field 'logit_bias.5' must be between -100 and 100, got 101."},
           Bad{with(R"("logit_bias":[[1]])"), "logit_bias[0]",
               "The field 'logit_bias[0]' must be [token id, bias], got array."},
           Bad{with(R"("stop":[1])"), "stop[0]",
               "The field 'stop[0]' must be string, got integer."},
           Bad{with(R"("stop":"")"), "stop",
               "The field 'stop' must be 1 to 256 bytes long, got 0."},
           Bad{with(R"("stop":{})"), "stop",
               "The field 'stop' must be string or array, got object."},
           Bad{with(R"("reasoning_effort":"huge")"), "reasoning_effort",
               "The field 'reasoning_effort' does not support 'huge'; use one of: none, minimal, "
               "low, medium, high."},
           Bad{with(R"("chat_template_kwargs":{"enable_thinking":"no"})"),
               "chat_template_kwargs.enable_thinking",
               "The field 'chat_template_kwargs.enable_thinking' must be boolean, got string."},
       }) {
    expect_bad(bad);
  }
}

TEST(ParseChat, BadMessages) {
  for (const Bad& bad : {
           Bad{saying("1"), "messages[0]", "The field 'messages[0]' must be object, got integer."},
           Bad{saying(R"({"content":"x"})"), "messages[0].role",
               "The required field 'messages[0].role' is missing."},
           Bad{saying(R"({"role":"boss","content":"x"})"), "messages[0].role",
               "The field 'messages[0].role' does not support 'boss'; use one of: system, "
               "developer, user, assistant, tool, function."},
           Bad{saying(R"({"role":"user"})"), "messages[0].content",
               "The required field 'messages[0].content' is missing."},
           Bad{saying(R"({"role":"user","content":7})"), "messages[0].content",
               "The field 'messages[0].content' must be string or array, got integer."},
           Bad{saying(R"({"role":"user","content":[{"type":"smell"}]})"),
               "messages[0].content[0].type",
               "The field 'messages[0].content[0].type' does not support 'smell'; use one of: "
               "text, image_url, file."},
           Bad{saying(R"({"role":"user","content":[{"type":"input_audio"}]})"),
               "messages[0].content[0].type", "Not supported: input_audio."},
           Bad{saying(R"({"role":"user","content":[{"type":"text"}]})"),
               "messages[0].content[0].text",
               "The required field 'messages[0].content[0].text' is missing."},
           Bad{saying(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":5}}]})"),
               "messages[0].content[0].image_url.url",
               "The field 'messages[0].content[0].image_url.url' must be string, got integer."},
           Bad{saying(R"({"role":"user","content":[{"type":"image_url",
                 "image_url":{"url":"http://a/b.png"}}]})"),
               "messages[0].content[0].image_url.url",
               "Images are not fetched from the network; send a data: URL (http://a/b.png)."},
           Bad{saying(R"({"role":"tool","content":"x"})"), "messages[0].tool_call_id",
               "The required field 'messages[0].tool_call_id' is missing."},
           Bad{saying(R"({"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]})"),
               "messages[0].tool_calls[0].function.arguments",
               "The required field 'messages[0].tool_calls[0].function.arguments' is missing."},
       }) {
    expect_bad(bad);
  }
}

TEST(ParseChat, BadToolsAndFormats) {
  const std::string tool(kTool);
  for (const Bad& bad : {
           Bad{with(R"("tools":[{"type":"code"}])"), "tools[0].type",
               "The field 'tools[0].type' does not support 'code'; use one of: function."},
           Bad{with(R"("tools":[{"type":"function","function":{}}])"), "tools[0].function.name",
               "The required field 'tools[0].function.name' is missing."},
           Bad{with(R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])"),
               "tools[0].function.parameters",
               "The field 'tools[0].function.parameters' must be object, got array."},
           Bad{with(R"("tool_choice":"required")"), "tools",
               "The required field 'tools' is missing."},
           Bad{with(tool + R"(,"tool_choice":"any")"), "tool_choice",
               "The field 'tool_choice' does not support 'any'; use one of: auto, none, required."},
           Bad{with(tool + R"(,"tool_choice":{"type":"function","function":{"name":"g"}})"),
               "tool_choice.function.name",
               "The field 'tool_choice.function.name' does not support 'g'; use one of: f."},
           Bad{with(R"("response_format":"json")"), "response_format",
               "The field 'response_format' must be object, got string."},
           Bad{with(R"("response_format":{"type":"xml"})"), "response_format.type",
               "The field 'response_format.type' does not support 'xml'; use one of: text, "
               "json_object, json_schema."},
           Bad{with(R"("response_format":{"type":"json_schema","json_schema":{"name":"a"}})"),
               "response_format.json_schema.schema",
               "The required field 'response_format.json_schema.schema' is missing."},
       }) {
    expect_bad(bad);
  }
}

TEST(ParseChat, Bounds) {
  std::string stops;
  for (std::size_t i = 0; i <= limits::kStopsMax; ++i) stops += i == 0 ? R"("a")" : R"(,"a")";
  EXPECT_EQ(parse_chat(with("\"stop\":[" + stops + "]")).error().message, xc::Message::TooMany);
  const std::string image =
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,Zg=="}})";
  std::string images = image;
  for (std::size_t i = 1; i < limits::kImagesMax; ++i) images += "," + image;
  EXPECT_TRUE(parse_chat(saying(R"({"role":"user","content":[)" + images + "]}")));
  const auto more =
      parse_chat(saying(R"({"role":"user","content":[)" + images + "," + image + "]}"));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, xc::Message::TooMany);
  EXPECT_EQ(more.error().param, "messages[0].content[16].image_url.url");
}

}  // namespace
}  // namespace xc::schema
