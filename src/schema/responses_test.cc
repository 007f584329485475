#include "schema/responses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "schema/json_reader.h"

namespace xc::schema::responses {
namespace {

std::string body_with(const std::string& input, const std::string& more = {}) {
  return R"({"model":"m","input":)" + input + (more.empty() ? "" : "," + more) + "}";
}

ResponsesRequest parsed(const std::string& json) {
  auto result = parse(json);
  EXPECT_TRUE(result) << json << "\n" << (result ? "" : text_of(result.error(), Language::En));
  return result ? std::move(*result) : ResponsesRequest{};
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
    out += ':';
    for (const ContentPart& part : message.parts) {
      out += part.image ? "<" + part.image->media_type + ":" + part.image->bytes + ">" : part.text;
    }
    for (const ToolCall& call : message.tool_calls) {
      out += "+" + call.name + call.arguments + "#" + call.id;
    }
  }
  return out;
}

TEST(ResponsesParse, ReadsTheWholeRequest) {
  const ResponsesRequest request = parsed(R"({"model":"m","input":"hi","instructions":"be brief",
    "max_output_tokens":100,"temperature":0.5,"top_p":0.9,"stream":true,"store":true,
    "parallel_tool_calls":false,"metadata":{"k":"v"},"user":"u","truncation":"auto",
    "reasoning":{"effort":"xhigh","summary":"auto"},"top_logprobs":3,
    "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}},
    "tools":[{"type":"function","name":"f","description":null,"parameters":{"a":1.0},
    "strict":true}],"tool_choice":{"type":"function","name":"f"},"unknown":[1]})");
  const ChatRequest& chat = request.chat;
  EXPECT_EQ(chat.model, "m");
  EXPECT_EQ(request.instructions, "be brief");
  EXPECT_EQ(sketch(chat), "system:be brief|user:hi");
  EXPECT_EQ(chat.max_tokens, 100);
  EXPECT_EQ(chat.sampling.temperature, 0.5);
  EXPECT_EQ(chat.sampling.top_p, 0.9);
  EXPECT_TRUE(chat.stream);
  EXPECT_TRUE(chat.include_usage);
  EXPECT_FALSE(chat.parallel_tool_calls);
  EXPECT_EQ(chat.reasoning_effort, "high");
  EXPECT_TRUE(chat.logprobs);
  EXPECT_EQ(chat.top_logprobs, 3);
  EXPECT_EQ(chat.format.kind, ResponseFormat::Kind::JsonSchema);
  EXPECT_EQ(chat.format.schema_json, R"({"type":"object"})");
  ASSERT_EQ(chat.tools.size(), 1u);
  EXPECT_EQ(chat.tools[0].parameters_json, R"({"a":1.0})");
  EXPECT_TRUE(chat.tools[0].strict);
  EXPECT_EQ(chat.tool_choice.kind, ToolChoice::Kind::Named);
  EXPECT_EQ(request.echo_json,
            R"({"instructions":"be brief","max_output_tokens":100,"max_tool_calls":null,)"
            R"("metadata":{"k":"v"},"parallel_tool_calls":false,)"
            R"("reasoning":{"effort":"xhigh","summary":"auto"},"temperature":0.5,"text":)"
            R"({"format":{"type":"json_schema","name":"n","schema":{"type":"object"},)"
            R"("strict":true}},"tool_choice":{"type":"function","name":"f"},"tools":)"
            R"([{"type":"function","name":"f","description":null,"parameters":{"a":1.0},)"
            R"("strict":true}],"top_logprobs":3,"top_p":0.9,"user":"u","truncation":"disabled"})");
}

constexpr std::string_view kDefaults =
    R"("instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},)"
    R"("parallel_tool_calls":true,"reasoning":{"effort":null,"summary":null},)"
    R"("temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],)"
    R"("top_logprobs":0,"top_p":null,"user":null,"truncation":"disabled")";

TEST(ResponsesParse, EchoesDefaults) {
  EXPECT_EQ(parsed(body_with(R"("hi")")).echo_json, "{" + std::string(kDefaults) + "}");
}

TEST(ResponsesParse, Items) {
  struct Row {
    std::string items;
    std::string expected;
  };
  const std::string call_a =
      R"({"type":"function_call","id":"fc","call_id":"a","name":"f","arguments":"{\"x\":1}"})";
  const std::string call_b =
      R"({"type":"function_call","call_id":"b","name":"g","arguments":"{}"})";
  const std::string out_a = R"({"type":"function_call_output","call_id":"a","output":"1"})";
  const std::string out_b = R"({"type":"function_call_output","call_id":"b",
      "output":[{"type":"input_text","text":"2"}]})";
  const std::string thought =
      R"({"type":"reasoning","id":"rs","summary":[],"content":
          [{"type":"reasoning_text","text":"hm"}]})";
  const std::string summary =
      R"({"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"sum"}]})";
  const std::string said = R"({"type":"message","id":"msg","role":"assistant","status":"completed",
      "content":[{"type":"output_text","text":"ok","annotations":[]}]})";
  const std::string user = R"({"role":"user","content":"q"})";
  const Row rows[] = {
      {R"({"role":"developer","content":"d"},{"type":"message","role":"user","content":
          [{"type":"input_text","text":"a"},{"type":"input_image","detail":"auto",
          "image_url":"data:image/png;base64,aGk="}]})",
       "system:d|user:a<image/png:hi>"},
      // parallel calls become one turn
      {user + "," + thought + "," + said + "," + call_a + "," + call_b + "," + out_a + "," + out_b,
       "user:q|assistant(hm):ok+f{\"x\":1}#a+g{}#b|tool#a:1|tool#b:2"},
      // calls with their answers between them stay two turns
      {call_a + "," + out_a + "," + call_b + "," + out_b,
       "assistant:+f{\"x\":1}#a|tool#a:1|assistant:+g{}#b|tool#b:2"},
      {said + "," + said, "assistant:ok|assistant:ok"},
      {call_a + "," + thought + "," + call_b, "assistant:+f{\"x\":1}#a|assistant(hm):+g{}#b"},
      {summary + "," + said + "," + user, "assistant(sum):ok|user:q"},
      {thought + "," + user + "," + thought, "user:q"},
      {R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}]},)" + user,
       "assistant:no|user:q"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(sketch(parsed(body_with("[" + row.items + "]")).chat), row.expected) << row.items;
  }
}

TEST(ResponsesParse, AllowedToolsAreTheOnlyOnesOffered) {
  const ResponsesRequest request = parsed(body_with(R"("hi")", R"("tools":[
    {"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":
    {"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]})"));
  ASSERT_EQ(request.chat.tools.size(), 1u);
  EXPECT_EQ(request.chat.tools[0].name, "g");
  EXPECT_EQ(request.chat.tool_choice.kind, ToolChoice::Kind::Required);
}

TEST(ResponsesParse, RefusesWithTheFieldAtFault) {
  struct Row {
    std::string json;
    Code code;
    xc::Message message;
    std::string param;
  };
  using enum xc::Message;
  const Code bad = Code::InvalidRequest;
  const Row rows[] = {
      {"[", bad, BadJson, ""},
      {"3", bad, WrongType, ""},
      {R"({"input":"a"})", bad, MissingField, "model"},
      {R"({"model":"m"})", bad, MissingField, "input"},
      {body_with("[]"), bad, PromptEmpty, "input"},
      {body_with("7"), bad, WrongType, "input"},
      {body_with("[7]"), bad, WrongType, "input[0]"},
      {body_with(R"([{"type":"web_search_call"}])"), bad, BadValue, "input[0].type"},
      {body_with(R"([{"type":"item_reference","id":"msg_1"}])"), Code::NotFound, NoResponse,
       "input[0].id"},
      {body_with(R"([{"role":"tool","content":"a"}])"), bad, BadValue, "input[0].role"},
      {body_with(R"([{"role":"user"}])"), bad, MissingField, "input[0].content"},
      {body_with(R"([{"role":"user","content":[{"type":"input_file"}]}])"), bad, BadValue,
       "input[0].content[0].type"},
      {body_with(R"([{"role":"user","content":[{"type":"input_image","image_url":"http://x"}]}])"),
       bad, RemoteImage, "input[0].content[0].image_url"},
      {body_with(R"([{"type":"function_call","name":"f","arguments":"{}"}])"), bad, MissingField,
       "input[0].call_id"},
      {body_with(R"([{"type":"function_call_output","call_id":"a"}])"), bad, MissingField,
       "input[0].output"},
      {body_with(R"("a")", R"("previous_response_id":"resp_1")"), Code::NotFound, NoResponse,
       "previous_response_id"},
      {body_with(R"("a")", R"("conversation":{"id":"conv_1"})"), Code::NotFound, NoResponse,
       "conversation"},
      {body_with(R"("a")", R"("background":true)"), bad, Unsupported, "background"},
      {body_with(R"("a")", R"("prompt":{"id":"p"})"), bad, Unsupported, "prompt"},
      {body_with(R"("a")", R"("tools":[{"type":"web_search"}])"), bad, BadValue, "tools[0].type"},
      {body_with(R"("a")", R"("tools":[{"type":"function"}])"), bad, MissingField, "tools[0].name"},
      {body_with(R"("a")", R"("tool_choice":"required")"), bad, MissingField, "tools"},
      {body_with(R"("a")", R"("tool_choice":{"type":"function","name":"f"})"), bad, BadValue,
       "tool_choice.name"},
      {body_with(R"("a")", R"("tool_choice":3)"), bad, WrongType, "tool_choice"},
      {body_with(R"("a")", R"("text":{"format":{"type":"json_schema","name":"n"}})"), bad,
       MissingField, "text.format.schema"},
      {body_with(R"("a")", R"("reasoning":{"effort":"huge"})"), bad, BadValue, "reasoning.effort"},
      {body_with(R"("a")", R"("max_output_tokens":0)"), bad, OutOfRange, "max_output_tokens"},
      {body_with(R"("a")", R"("top_logprobs":21)"), bad, OutOfRange, "top_logprobs"},
      {body_with(R"("a")", R"("metadata":{"k":1})"), bad, WrongType, "metadata.k"},
      {body_with(R"("a")", R"("user":1)"), bad, WrongType, "user"},
  };
  for (const Row& row : rows) {
    const auto result = parse(row.json);
    ASSERT_FALSE(result) << row.json;
    EXPECT_EQ(name_of(result.error().message), name_of(row.message)) << row.json;
    EXPECT_EQ(result.error().param, row.param) << row.json;
    EXPECT_EQ(result.error().code, row.code) << row.json;
  }
  EXPECT_TRUE(parse(body_with(R"("a")", R"("previous_response_id":null,"background":false)")));
}

}  // namespace
}  // namespace xc::schema::responses
