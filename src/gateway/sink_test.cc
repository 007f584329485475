#include "gateway/sink.h"

#include <gtest/gtest.h>

#include "gateway/stages.h"

namespace xc::gateway {
namespace {

schema::Delta text(int choice, std::string content) {
  schema::Delta delta;
  delta.choice = choice;
  delta.content = std::move(content);
  return delta;
}

int count(const std::string& haystack, std::string_view needle) {
  int found = 0;
  for (std::size_t at = haystack.find(needle); at != std::string::npos;
       at = haystack.find(needle, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Sink, each_choice_begins_with_its_role_once) {
  schema::ChatRequest request;
  request.stream = true;
  const auto sink = chat_sink({"id", "m", 1, ""}, request);
  std::string out;
  sink->start({}, out);
  for (const int choice : {1, 0, 1, 0}) sink->add(text(choice, "a"), out);
  schema::Delta usage;
  usage.usage = schema::Usage{};
  sink->add(usage, out);
  sink->finish(out);
  EXPECT_EQ(count(out, R"("role":"assistant")"), 2) << out;
  EXPECT_EQ(count(out, "\"usage\""), 0);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(Sink, offsets_of_a_streams_tokens_go_on) {
  schema::CompletionRequest request;
  request.stream = true;
  request.logprobs = 0;
  const auto sink = completion_sink({"id", "m", 1, ""}, request);
  std::string out;
  for (const int choice : {0, 1, 0}) {
    schema::Delta delta = text(choice, "星舟");
    delta.logprobs = {{{"星", -1}, {}}, {{"舟", -1}, {}}};
    sink->add(delta, out);
  }
  EXPECT_EQ(count(out, R"("text_offset":[0,1])"), 2) << out;
  EXPECT_EQ(count(out, R"("text_offset":[2,3])"), 1);
}

TEST(Sink, a_whole_answer_gives_nothing_until_its_end) {
  const schema::ChatRequest request;
  const auto sink = chat_sink({"id", "m", 1, ""}, request);
  std::string out;
  sink->start({}, out);
  sink->add(text(0, "ab"), out);
  sink->add(text(0, "cd"), out);
  EXPECT_EQ(out, "");
  sink->finish(out);
  EXPECT_NE(out.find(R"("content":"abcd")"), std::string::npos);
}

TEST(OutputGuard, refuses_choices_that_nobody_asked_for) {
  const OutputGuard guard(2);
  EXPECT_TRUE(guard.admit({text(0, "a"), text(1, "b")}));
  EXPECT_FALSE(guard.admit({text(0, "a"), text(2, "b")}));
  EXPECT_FALSE(guard.admit({text(-1, "a")}));
  EXPECT_EQ(guard.admit({text(1 << 30, "a")}).error().code, Code::Upstream);
}

TEST(Screen, refuses_names_that_would_spoil_a_log_line) {
  EXPECT_TRUE(screen("org/模型:tag"));
  EXPECT_FALSE(screen("a\nb"));
  EXPECT_FALSE(screen(std::string(10'000, 'a')));
}

}  // namespace
}  // namespace xc::gateway
