#include "schema/dialect.h"

#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::schema {
namespace {

ChatRequest full_request() {
  auto request = parse_chat(
      R"({"model":"ours","messages":[{"role":"user","content":"喂\n\u0001"}],"top_k":3,"min_p":0.1,)"
      R"("repetition_penalty":1.5,"speculation":"off","ignore_eos":true,"stream":true,)"
      R"("stream_options":{"include_usage":true},"chat_template_kwargs":{"enable_thinking":false},)"
      R"("thinking_budget":64})");
  EXPECT_TRUE(request);
  return *request;
}

TEST(Dialect, NamesComeBack) {
  for (const Vendor vendor : {Vendor::OpenAi, Vendor::Vllm, Vendor::Sglang, Vendor::MindIe,
                              Vendor::LlamaServer, Vendor::Xingcha}) {
    EXPECT_EQ(vendor_of(name_of(vendor)), vendor);
    EXPECT_NE(kVendorNames.find(name_of(vendor)), std::string_view::npos);
    EXPECT_FALSE(takes_target(vendor, "/internal/count"));
    EXPECT_TRUE(takes_target(vendor, "/v1/chat/completions"));
  }
  EXPECT_FALSE(vendor_of("vLLM"));
  EXPECT_FALSE(takes_target(Vendor::Vllm, "/tokenize"));  // another shape there
  EXPECT_TRUE(takes_target(Vendor::Xingcha, "/tokenize"));
}

TEST(Dialect, XingchaGetsEverythingUnderItsOwnName) {
  ChatRequest request = full_request();
  const std::string body = body_for(Vendor::Xingcha, render(request), "th\"eirs");
  request.model = "th\"eirs";
  EXPECT_EQ(body, render(request));
}

TEST(Dialect, AStrictServerSeesOpenAisFieldsOnly) {
  const std::string body = body_for(Vendor::OpenAi, render(full_request()), "m");
  for (const char* field : {"top_k", "min_p", "repetition", "speculation", "ignore_eos",
                            "chat_template_kwargs", "thinking_budget"}) {
    EXPECT_EQ(body.find(field), std::string::npos) << body;
  }
  EXPECT_NE(body.find(R"("stream_options":{"include_usage":true})"), std::string::npos);
  EXPECT_NE(body.find("喂\\n\\u0001"), std::string::npos) << body;
}

TEST(Dialect, LlamaServerCallsThePenaltyOtherwise) {
  const std::string body = body_for(Vendor::LlamaServer, render(full_request()), "m");
  EXPECT_NE(body.find(R"("repeat_penalty":1.5)"), std::string::npos) << body;
  EXPECT_EQ(body.find("repetition_penalty"), std::string::npos);
  EXPECT_EQ(body.find("speculation"), std::string::npos);
}

TEST(Dialect, TheBudgetOfThoughtsHasManyNames) {
  const std::string body = render(full_request());
  EXPECT_NE(body_for(Vendor::Vllm, body, "m").find(R"("thinking_token_budget":64)"),
            std::string::npos);
  EXPECT_NE(body_for(Vendor::LlamaServer, body, "m").find(R"("reasoning_budget_tokens":64)"),
            std::string::npos);
  for (const Vendor vendor : {Vendor::OpenAi, Vendor::Sglang, Vendor::MindIe}) {
    EXPECT_EQ(body_for(vendor, body, "m").find("budget"), std::string::npos);
  }
}

TEST(Dialect, EachIsAskedToGoOnInItsOwnWay) {
  const std::string chat =
      R"({"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":9})";
  const auto body = continued(chat, "half \"an", 4);
  ASSERT_TRUE(body);
  const std::string vllm = body_for(Vendor::Vllm, *body, "m");
  EXPECT_NE(vllm.find(R"({"role":"assistant","content":"half \"an"}])"), std::string::npos) << vllm;
  EXPECT_NE(vllm.find(R"("max_tokens":5)"), std::string::npos) << vllm;
  EXPECT_NE(vllm.find(R"("continue_final_message":true,"add_generation_prompt":false)"),
            std::string::npos);
  const std::string sglang = body_for(Vendor::Sglang, *body, "m");
  EXPECT_NE(sglang.find(R"("continue_final_message":true)"), std::string::npos);
  EXPECT_EQ(sglang.find("add_generation_prompt"), std::string::npos);
  for (const Vendor vendor : {Vendor::LlamaServer, Vendor::Xingcha, Vendor::OpenAi}) {
    const std::string other = body_for(vendor, *body, "m");
    EXPECT_EQ(other.find("continue_final_message"), std::string::npos);
    EXPECT_EQ(other.find("add_generation_prompt"), std::string::npos);
    EXPECT_NE(other.find("half"), std::string::npos);
    EXPECT_EQ(can_continue(vendor), vendor != Vendor::OpenAi);
  }
  EXPECT_FALSE(can_continue(Vendor::MindIe));
}

TEST(Dialect, WithoutTextTheQuestionIsAskedAnew) {
  const std::string chat = R"({"model":"m","messages":[],"max_tokens":9})";
  EXPECT_EQ(continued(chat, "", 0), chat);
  EXPECT_EQ(continued(chat, "x", 9), std::nullopt);
  EXPECT_EQ(continued(R"({"model":"m","prompt":"x"})", "x", 1), std::nullopt);
  EXPECT_EQ(continued("{", "x", 1), std::nullopt);
}

TEST(Dialect, WhatIsNoJsonStaysAsItIs) {
  EXPECT_EQ(body_for(Vendor::Vllm, "[1", "m"), "[1");
  EXPECT_EQ(body_for(Vendor::Vllm, "[1]", "m"), "[1]");
}

// MindIE's own: a text and a type, 200 in mid-stream or a status of its own.
TEST(Dialect, ErrorsOfMindIe) {
  const auto error = [](std::string_view payload) {
    const auto chunk = parse_chat_chunk(payload);
    EXPECT_FALSE(chunk);
    return chunk ? Error{} : chunk.error();
  };
  EXPECT_EQ(
      error(R"({"error":"inputs tokens length over","error_type":"Input validation error"})").code,
      Code::InvalidRequest);
  EXPECT_EQ(error(R"({"error":"engine busy","error_type":"overloaded"})").code, Code::Unavailable);
  EXPECT_EQ(error(R"({"error":"npu","error_type":"Incomplete Generation"})").code, Code::Upstream);
  EXPECT_EQ(parse_error(424, R"({"error":"npu","error_type":"generation"})").code, Code::Upstream);
}

}  // namespace
}  // namespace xc::schema
