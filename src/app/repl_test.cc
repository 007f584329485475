#include "app/repl.h"

#include <gtest/gtest.h>

namespace xc::app {
namespace {

void expect_line(std::string_view line, Verb verb, std::string_view text,
                 std::string_view name = "") {
  const ChatLine parsed = parse_chat_line(line);
  EXPECT_EQ(parsed.verb, verb) << line;
  EXPECT_EQ(parsed.text, text) << line;
  EXPECT_EQ(parsed.name, name) << line;
}

TEST(ChatLine, Commands) {
  expect_line("", Verb::Nothing, "");
  expect_line("  \t", Verb::Nothing, "");
  expect_line("/help", Verb::Help, "");
  expect_line("  /bye  ", Verb::Bye, "");
  expect_line("/clear now", Verb::Clear, "now");
  expect_line("/system 你是 诗人", Verb::System, "你是 诗人");
  expect_line("/system", Verb::System, "");
  expect_line("/set temperature 0.2", Verb::Set, "0.2", "temperature");
  expect_line("/model  a:b ", Verb::Model, "a:b");
  expect_line("/save chat 1.md", Verb::Save, "chat 1.md");
}

TEST(ChatLine, MistakesAndWhatOnlyLooksLikeACommand) {
  expect_line("/set temperature", Verb::NeedsArgument, "/set temperature");
  expect_line("/set", Verb::NeedsArgument, "/set");
  expect_line("/model", Verb::NeedsArgument, "/model");
  expect_line("/nonsense", Verb::Unknown, "/nonsense");
  expect_line("/helpme", Verb::Unknown, "/helpme");
  expect_line("/usr/bin 是什么？", Verb::Say, "/usr/bin 是什么？");
  expect_line("你好 /help", Verb::Say, "你好 /help");
}

TEST(ChatSetting, TakesOnlyWhatIsInRange) {
  schema::ChatRequest request;
  EXPECT_TRUE(put_chat_setting(request, "temperature", "0.5"));
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_FALSE(put_chat_setting(request, "temperature", "3"));
  EXPECT_FALSE(put_chat_setting(request, "temperature", "nan"));
  EXPECT_FALSE(put_chat_setting(request, "temperature", "0.5x"));
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_TRUE(put_chat_setting(request, "max_tokens", "10"));
  EXPECT_FALSE(put_chat_setting(request, "max_tokens", "0"));
  EXPECT_TRUE(put_chat_setting(request, "seed", "42"));
  EXPECT_EQ(request.sampling.seed, 42);
  EXPECT_TRUE(put_chat_setting(request, "think", "off"));
  EXPECT_EQ(request.thinking, false);
  EXPECT_FALSE(put_chat_setting(request, "think", "maybe"));
  EXPECT_FALSE(put_chat_setting(request, "colour", "1"));
}

TEST(Gatherer, JoinsFencedLines) {
  Gatherer lines;
  EXPECT_TRUE(lines.feed("one"));
  EXPECT_EQ(lines.take(), "one");
  EXPECT_FALSE(lines.feed("\"\"\"first"));
  EXPECT_TRUE(lines.open());
  EXPECT_FALSE(lines.feed("/bye"));
  EXPECT_TRUE(lines.feed("last\"\"\""));
  EXPECT_FALSE(lines.open());
  EXPECT_EQ(lines.take(), "first\n/bye\nlast");
  EXPECT_FALSE(lines.feed("\"\"\""));
  EXPECT_FALSE(lines.feed("a"));
  EXPECT_TRUE(lines.feed("\"\"\""));
  EXPECT_EQ(lines.take(), "a");
  EXPECT_TRUE(lines.feed("\"\"\"whole\"\"\""));
  EXPECT_EQ(lines.take(), "whole");
  lines.clear();
  EXPECT_FALSE(lines.open());
}

}  // namespace
}  // namespace xc::app
