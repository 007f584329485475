#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::schema {
namespace {

// Rendering loses nothing when what it writes reads back and renders the same again.
template <typename Parse>
void expect_round_trip(Parse parse, std::string_view json, std::string_view expected) {
  const auto first = parse(json);
  ASSERT_TRUE(first) << text_of(first.error(), Language::En);
  const std::string once = render(*first);
  EXPECT_EQ(once, expected);
  const auto second = parse(once);
  ASSERT_TRUE(second) << text_of(second.error(), Language::En);
  EXPECT_EQ(render(*second), once);
}

TEST(RenderRequest, ChatOnlySetFields) {
  constexpr std::string_view json =
      R"({"model":"m","messages":[{"role":"user","content":"嗨\n"}]})";
  expect_round_trip(parse_chat, json, json);
}

TEST(RenderRequest, ChatEveryField) {
  constexpr std::string_view json =
      R"({"model":"m","messages":[{"role":"system","content":"s"},)"
      R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":)"
      R"({"url":"data:image/png;base64,Zm9v"}}],"name":"u"},)"
      R"({"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"c",)"
      R"("type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","content":"1","tool_call_id":"c"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":)"
      R"({"type":"object","x":0.5},"strict":true}}],"parallel_tool_calls":false,)"
      R"("tool_choice":{"type":"function","function":{"name":"f"}},)"
      R"("response_format":{"type":"json_schema","json_schema":{"name":"schema","schema":)"
      R"({"a":[1]},"strict":true}},"temperature":0.7,"top_p":1.0,"top_k":40,"min_p":0.1,)"
      R"("presence_penalty":0.0,"frequency_penalty":-0.5,"repetition_penalty":1.1,"seed":42,)"
      R"("logit_bias":{"5":-100.0,"7":1.5},"max_tokens":10,"n":2,"stop":["x","y"],"stream":true,)"
      R"("stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":2,)"
      R"("ignore_eos":true,"reasoning_effort":"high","chat_template_kwargs":)"
      R"({"a":"b","enable_thinking":true}})";
  expect_round_trip(parse_chat, json, json);
}

TEST(RenderRequest, ThinkingReachesTheTemplate) {
  ChatRequest request;
  request.model = "m";
  request.messages.emplace_back().parts.emplace_back().text = "x";
  request.thinking = false;
  EXPECT_EQ(parse_chat(render(request))->thinking, false);
}

TEST(RenderRequest, Completion) {
  expect_round_trip(
      parse_completion,
      R"({"model":"m","prompt":["a"],"suffix":"","max_tokens":0,"logprobs":0,"stop":"z","echo":true})",
      R"({"model":"m","prompt":"a","suffix":"","echo":true,"max_tokens":0,"stop":["z"],"logprobs":0})");
  expect_round_trip(parse_completion, R"({"model":"m","prompt":[[1,2]]})",
                    R"({"model":"m","prompt":[1,2]})");
  constexpr std::string_view several = R"({"model":"m","prompt":["a",[1,2]],"ignore_eos":true})";
  expect_round_trip(parse_completion, several, several);
}

TEST(RenderRequest, Small) {
  constexpr std::string_view embedding =
      R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":3})";
  expect_round_trip(parse_embedding, embedding, embedding);
  constexpr std::string_view rerank =
      R"({"model":"m","query":"q","documents":["a"],"top_n":2,"return_documents":true})";
  expect_round_trip(parse_rerank, rerank, rerank);
  constexpr std::string_view tokenize =
      R"({"model":"m","content":"a","add_special":true,"parse_special":false})";
  expect_round_trip(parse_tokenize, tokenize, tokenize);
  constexpr std::string_view detokenize = R"({"model":"m","tokens":[1,2]})";
  expect_round_trip(parse_detokenize, detokenize, detokenize);
}

}  // namespace
}  // namespace xc::schema
