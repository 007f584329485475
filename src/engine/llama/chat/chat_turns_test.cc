// How an answer begins: with a turn that the caller began, with thoughts, without them, and how
// many of them there may be.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "engine/llama/chat/chat_test.h"

namespace xc::engine::llama {
namespace {

using schema::Role;
using Start = ThoughtLimit::Start;

const std::string kPlain =
    "{%- for m in messages %}{{- '<|' + m.role + '|>' + m.content + '<|end|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";

std::string thinking(const std::string& beginning) {
  return "{%- for m in messages %}{%- set content = m.content %}"
         "{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}"
         "{%- endif %}{{- '<|' + m.role + '|>' + content + '<|end|>' }}{%- endfor %}"
         "{%- if add_generation_prompt %}{{- '<|assistant|>' }}" +
         beginning + "{%- endif %}";
}
// R1's opens thoughts whatever it is told; Qwen3's knows the switch; the third opens none.
const std::string kForced = thinking("{{- '<think>\\n' }}");
const std::string kSwitched = thinking(
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}");

ThoughtLimit limit(const std::string& source, const schema::ChatRequest& request) {
  const auto format = ChatFormat::of_template(source);
  const auto rendered = format->render(request);
  return rendered ? rendered->constraint.thoughts : ThoughtLimit();
}
schema::ChatRequest began(const std::string& text, const std::string& reasoning = "") {
  schema::ChatRequest request = asks("一加一？");
  schema::Message begun = turn(Role::Assistant, text);
  begun.reasoning = reasoning;
  request.messages.push_back(begun);
  return request;
}

TEST(ChatTurns, a_begun_turn_is_continued) {
  EXPECT_EQ(prompt(kPlain, asks("一加一？")), "<|user|>一加一？<|end|><|assistant|>");
  EXPECT_EQ(prompt(kPlain, began("答案是")), "<|user|>一加一？<|end|><|assistant|>答案是");
  schema::ChatRequest json = began("{\"sum\":");
  json.format.kind = schema::ResponseFormat::Kind::JsonObject;
  EXPECT_EQ(prompt(kPlain, json), "<|user|>一加一？<|end|><|assistant|>{\"sum\":");
  // Tools that the template does not know are told in words; the turn stays.
  schema::ChatRequest tools = began("答案是");
  tools.tools = {kWeather};
  EXPECT_TRUE(prompt(kPlain, tools).ends_with("<|user|>一加一？<|end|><|assistant|>答案是"));
}

TEST(ChatTurns, a_turn_that_says_nothing_is_none) {
  EXPECT_EQ(prompt(kPlain, began("")), "<|user|>一加一？<|end|><|assistant|>");
  EXPECT_EQ(prompt(kForced, began("")), "<|user|>一加一？<|end|><|assistant|><think>\n");
}

TEST(ChatTurns, a_begun_turn_of_a_thinking_model) {
  for (const std::string& source : {kForced, kSwitched}) {
    const std::string told = prompt(source, began("答案是"));
    EXPECT_TRUE(told.starts_with("<|user|>一加一？<|end|><|assistant|>")) << told;
    EXPECT_TRUE(told.ends_with("答案是")) << told;
    EXPECT_EQ(hear(source, began("答案是"), "二。").content, "二。");
    EXPECT_EQ(limit(source, began("答案是")).start, Start::None);
  }
  const std::string musing = prompt(kForced, began("", "一加一"));
  EXPECT_TRUE(musing.ends_with("<|assistant|><think>\n一加一") ||
              musing.ends_with("<|assistant|><think>一加一"))
      << musing;
  const Heard heard = hear(kForced, began("", "一加一"), "是二\n</think>\n\n二。");
  EXPECT_EQ(heard.reasoning, "是二");
  EXPECT_EQ(heard.content, "二。");
  EXPECT_EQ(limit(kForced, began("", "一加一")).start, Start::Thoughts);
}

TEST(ChatTurns, no_thoughts_where_the_template_can) {
  schema::ChatRequest request = asks("一加一？");
  request.thinking_budget = 0;
  const std::string closed = "<|user|>一加一？<|end|><|assistant|><think>\n\n</think>\n\n";
  EXPECT_EQ(prompt(kSwitched, request), closed);
  EXPECT_EQ(prompt(kForced, request), closed);  // closed at once: it knows no switch
  EXPECT_EQ(hear(kForced, request, "二").content, "二");
  EXPECT_EQ(limit(kForced, request).start, Start::None);
  request.thinking_budget.reset();
  request.thinking = false;
  EXPECT_EQ(prompt(kForced, request), closed);
  request.thinking.reset();
  request.reasoning_effort = "none";
  EXPECT_EQ(prompt(kForced, request), closed);
}

TEST(ChatTurns, limits_of_thoughts) {
  schema::ChatRequest request = asks("一加一？");
  EXPECT_EQ(limit(kPlain, request).start, Start::None);
  EXPECT_EQ(limit(kForced, request).start, Start::Thoughts);
  EXPECT_EQ(limit(kForced, request).tokens, std::nullopt);
  EXPECT_EQ(limit(kSwitched, request).start, Start::Answer);
  request.thinking_budget = 40;
  EXPECT_EQ(limit(kForced, request).tokens, 40);
  EXPECT_EQ(limit(kSwitched, request).tokens, 40);
  EXPECT_EQ(limit(kForced, request).close, "</think>");
  request.reasoning_effort = "low";
  EXPECT_EQ(limit(kForced, request).tokens, 40);  // the number is the more exact wish
  request.thinking_budget.reset();
  EXPECT_EQ(limit(kForced, request).tokens, limits::kLowThoughtTokens);
  request.reasoning_effort = "minimal";
  EXPECT_EQ(limit(kForced, request).tokens, limits::kMinimalThoughtTokens);
  request.reasoning_effort = "high";
  EXPECT_EQ(limit(kForced, request).tokens, std::nullopt);
  // A template with a place for the effort tells the model itself.
  request.reasoning_effort = "low";
  const std::string told = kForced + "{#- reasoning_effort #}";
  EXPECT_EQ(limit(told, request).tokens, std::nullopt);
}

TEST(ChatTurns, a_template_may_tell_the_budget) {
  schema::ChatRequest request = asks("一加一？");
  request.thinking_budget = 40;
  const std::string source =
      kPlain + "{%- if thinking_budget is defined %}{{- '(' ~ thinking_budget ~ ')' }}{%- endif %}";
  EXPECT_EQ(prompt(source, request), "<|user|>一加一？<|end|><|assistant|>(40)");
}

TEST(ChatTurns, calls_in_thoughts_are_kept_from_the_grammar) {
  schema::ChatRequest request = asks("天气？");
  request.tools = {kWeather};
  const auto format = ChatFormat::of_template(kForced);
  const auto rendered = format->render(request);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->constraint.hides_thoughts, rendered->parser == nullptr);
}

}  // namespace
}  // namespace xc::engine::llama
