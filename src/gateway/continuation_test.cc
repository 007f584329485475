#include "gateway/continuation.h"

#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::gateway {
namespace {

const std::string kBody =
    R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true})";

std::vector<schema::Delta> said(std::initializer_list<const char*> words) {
  std::vector<schema::Delta> deltas;
  for (const char* word : words) deltas.emplace_back().content = word;
  return deltas;
}
std::string text_of(const std::vector<schema::Delta>& deltas) {
  std::string text;
  for (const schema::Delta& delta : deltas) text += delta.content;
  return text;
}
std::vector<schema::Delta> usage(std::int64_t prompt, std::int64_t completion) {
  std::vector<schema::Delta> deltas(1);
  deltas[0].usage = schema::Usage{prompt, completion, prompt, 0};
  return deltas;
}

TEST(Continuation, NothingToGoOnWithBeforeTheFirstDelta) {
  Continuation joint(true);
  EXPECT_FALSE(joint.next(kBody));
  auto deltas = said({"a"});
  ASSERT_TRUE(joint.pass(deltas));
  EXPECT_TRUE(joint.next(kBody));
  Continuation never(false);
  ASSERT_TRUE(never.pass(deltas));
  EXPECT_FALSE(never.next(kBody));
}

TEST(Continuation, BlanksAtTheSeamGoOutOnce) {
  for (const auto& [more, wanted] : std::vector<std::pair<std::vector<schema::Delta>, std::string>>{
           {said({" \n", "\nb"}), "b"},
           {said({" \n\n", "b"}), "b"},
           {said({"b"}), "b"},
           {said({" ", "b\n"}), "b\n"},
           {said({" \n\n\n\tb"}), "\n\tb"}}) {
    Continuation joint(true);
    auto first = said({"a", " \n\n"});
    ASSERT_TRUE(joint.pass(first));
    const auto body = joint.next(kBody);
    ASSERT_TRUE(body);
    EXPECT_NE(body->find(R"("content":"a"}])"), std::string::npos) << *body;
    auto rest = more;
    ASSERT_TRUE(joint.pass(rest));
    EXPECT_EQ(text_of(rest), wanted);
  }
}

TEST(Continuation, TokensCountOnce) {
  Continuation joint(true);
  auto first = said({"a", "b", "c"});
  ASSERT_TRUE(joint.pass(first));
  ASSERT_TRUE(joint.next(kBody));
  auto second = said({"d"});
  ASSERT_TRUE(joint.pass(second));
  ASSERT_TRUE(joint.next(kBody));
  auto last = usage(14, 2);  // a prompt of 10, and four tokens that it was shown
  ASSERT_TRUE(joint.pass(last));
  EXPECT_EQ(last[0].usage->prompt_tokens, 10);
  EXPECT_EQ(last[0].usage->completion_tokens, 6);
  EXPECT_EQ(last[0].usage->cached_tokens, 10);
  EXPECT_FALSE(joint.next(kBody));  // twice is enough
}

TEST(Continuation, WhatCannotBeGoneOnWith) {
  schema::Delta thought, call, finish, unread, second;
  thought.reasoning = "hm";
  call.tool_calls.emplace_back().name = "f";
  finish.finish = schema::Finish::Stop;
  unread.unread_call = true;
  second.choice = 1;
  for (const schema::Delta& odd : {thought, call, finish, unread, second}) {
    Continuation joint(true);
    auto deltas = said({"a"});
    deltas.push_back(odd);
    ASSERT_TRUE(joint.pass(deltas));
    EXPECT_FALSE(joint.next(kBody));
  }
}

TEST(Continuation, ThoughtsBehindASeamAreAnError) {
  Continuation joint(true);
  auto deltas = said({"a"});
  ASSERT_TRUE(joint.pass(deltas));
  ASSERT_TRUE(joint.next(kBody));
  std::vector<schema::Delta> thought(1);
  thought[0].reasoning = "hm";
  EXPECT_FALSE(joint.pass(thought));
}

TEST(Continuation, WhichRequests) {
  const auto may = [](const std::string& more, const std::string& last = "user") {
    const auto request = schema::parse_chat(R"({"model":"m","stream":true,"messages":[{"role":")" +
                                            last + R"(","content":"x"}])" + more + "}");
    EXPECT_TRUE(request);
    return request && may_continue(*request);
  };
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
  EXPECT_TRUE(may(""));
  EXPECT_TRUE(may(tools));
  EXPECT_TRUE(may(tools + R"(,"tool_choice":"none")"));
  EXPECT_FALSE(may(tools + R"(,"tool_choice":"required")"));
  EXPECT_FALSE(may(R"(,"n":2)"));
  EXPECT_FALSE(may(R"(,"seed":1)"));
  EXPECT_FALSE(may(R"(,"logprobs":true)"));
  EXPECT_FALSE(may(R"(,"stream":false)"));
  EXPECT_FALSE(may(R"(,"response_format":{"type":"json_object"})"));
  EXPECT_FALSE(may("", "assistant"));
}

}  // namespace
}  // namespace xc::gateway
