#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::schema {
namespace {

using M = xc::Message;

TEST(RenderError, OpenAiShape) {
  const Error range{Code::InvalidRequest, M::OutOfRange, {"n", "1", "16", "99"}, "secret", "n", 0};
  EXPECT_EQ(render_error(range, Language::En),
            R"({"error":{"message":"The field 'n' must be between 1 and 16, got 99.",)"
            R"("type":"invalid_request_error","param":"n","code":null}})");
  const Error model{Code::NotFound, M::NoModel, {"m"}, "", "model", 0};
  EXPECT_NE(render_error(model, Language::Zh).find(R"("code":"model_not_found")"),
            std::string::npos);
  EXPECT_NE(render_error(model, Language::Zh).find("没有模型“m”"), std::string::npos);
}

TEST(RenderError, IdentityComesBackWhole) {
  const Error sent{Code::Unavailable,   M::QueueFull,  {"256", "2\""},
                   "detail stays here", "messages[0]", 2};
  const Error got = parse_error(503, render_error(sent, Language::Zh, true));
  EXPECT_EQ(got.code, sent.code);
  EXPECT_EQ(got.message, sent.message);
  EXPECT_EQ(got.args, sent.args);
  EXPECT_EQ(got.param, sent.param);
  EXPECT_EQ(got.retry_after_s, 2);
  EXPECT_EQ(got.detail, "");
  // The same in a stream, where there is no status.
  const auto chunk = parse_chat_chunk(render_error(sent, Language::En, true));
  ASSERT_FALSE(chunk);
  EXPECT_EQ(chunk.error().message, M::QueueFull);
}

TEST(ParseError, WhatEndpointsSay) {
  struct Case {
    int status;
    std::string_view json;
    Code code;
    std::string_view arg;
    std::string_view detail;
  };
  for (const Case& c : {
           Case{400, R"({"error":{"message":"bad n","type":"x","param":null,"code":400}})",
                Code::InvalidRequest, "bad n", "bad n"},
           Case{400, R"({"object":"error","message":"too long","code":400})", Code::InvalidRequest,
                "too long", "too long"},
           Case{400, R"({"error":{"message":"m","code":"context_length_exceeded"}})",
                Code::ContextExceeded, "m", "m"},
           Case{500, R"({"error":"oom","error_type":"generation"})", Code::Upstream, "HTTP 500",
                "oom"},
           Case{401, R"({"error":{"message":"key sk-1 is wrong"}})", Code::Upstream, "HTTP 401",
                "key sk-1 is wrong"},
           Case{503, R"({"error":{"message":"loading"}})", Code::Unavailable, "HTTP 503",
                "loading"},
           Case{429, "slow down", Code::Unavailable, "HTTP 429", "slow down"},
           Case{422, R"({"message":"no"})", Code::InvalidRequest, "no", "no"},
           Case{502, "<html>", Code::Upstream, "HTTP 502", "<html>"},
           Case{400, "", Code::InvalidRequest, "HTTP 400", ""},
           Case{500, R"({"error":{"xingcha":{"code":"Internal","message":"Unheard"}}})",
                Code::Upstream, "HTTP 500", ""},
       }) {
    const Error got = parse_error(c.status, c.json);
    EXPECT_EQ(got.code, c.code) << c.json;
    EXPECT_EQ(got.message, M::UpstreamFailed) << c.json;
    ASSERT_EQ(got.args.size(), 1u);
    EXPECT_EQ(got.args[0], c.arg) << c.json;
    EXPECT_EQ(got.detail, c.detail) << c.json;
  }
}

}  // namespace
}  // namespace xc::schema
