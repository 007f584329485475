#include "engine/fake_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

namespace xc::engine {
namespace {

schema::ChatRequest asking(std::string text) {
  schema::ChatRequest request;
  request.model = "fake";
  schema::Message message;
  message.parts.push_back({std::move(text), std::nullopt});
  request.messages.push_back(std::move(message));
  return request;
}

// Everything until the end; gives up after five seconds.
std::vector<Result<schema::Delta>> all_of(DeltaAnswer& answer) {
  std::vector<Result<schema::Delta>> all;
  for (int i = 0; i < 5000 && !answer.ended(); ++i) {
    while (auto item = answer.poll()) all.push_back(std::move(*item));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(answer.ended());
  return all;
}

schema::Collector collect(const std::vector<Result<schema::Delta>>& items) {
  schema::Collector collector;
  for (const auto& item : items) collector.add(*item);
  return collector;
}

TEST(FakeEngine, echoes_the_same_way_each_time) {
  FakeEngine engine({});
  const auto first = all_of(**engine.chat(asking("你好 world"), {}, [] {}));
  const auto second = all_of(**engine.chat(asking("你好 world"), {}, [] {}));
  EXPECT_EQ(collect(first).choices().at(0).content, "你好 world");
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i]->content, second[i]->content);
  EXPECT_EQ(collect(first).usage().prompt_tokens, 8);
  EXPECT_TRUE(first.back()->usage.has_value());
}

TEST(FakeEngine, heeds_stops_and_max_tokens) {
  FakeEngine engine({});
  schema::ChatRequest request = asking("one two three");
  request.stop = {"thr", " two"};
  const auto stopped = collect(all_of(**engine.chat(request, {}, [] {})));
  EXPECT_EQ(stopped.choices().at(0).content, "one");
  EXPECT_EQ(stopped.choices().at(0).stop_match, " two");
  request.max_tokens = 2;
  const auto cut = collect(all_of(**engine.chat(request, {}, [] {})));
  EXPECT_EQ(cut.choices().at(0).content, "on");
  EXPECT_EQ(cut.choices().at(0).finish, schema::Finish::Length);
}

TEST(FakeEngine, plays_scripts_and_fails_as_told) {
  FakeOptions options;
  FakeScript script;
  script.trigger = "break";
  schema::Delta delta;
  delta.content = "x";
  script.deltas = {delta, delta};
  script.error = Error{Code::Internal, Message::InternalError, {}, {}, {}, 0};
  options.scripts.push_back(script);
  FakeEngine engine(options);
  const auto items = all_of(**engine.chat(asking("please break"), {}, [] {}));
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[2].error().code, Code::Internal);
}

TEST(FakeEngine, a_full_queue_parks_and_a_dropped_answer_is_cancelled) {
  FakeOptions options;
  FakeScript script;
  script.trigger = "for ever";
  schema::Delta delta;
  delta.content = "x";
  script.deltas = {delta};
  script.endless = true;
  options.scripts.push_back(script);
  FakeEngine engine(options);
  auto lagging = std::move(*engine.chat(asking("for ever"), {}, [] {}));
  // Somebody else's answer comes whole although the first one is never read.
  EXPECT_EQ(collect(all_of(**engine.chat(asking("hi"), {}, [] {}))).choices()[0].content, "hi");
  lagging.reset();
  for (int i = 0; i < 5000 && engine.stats().requests_cancelled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(engine.stats().requests_cancelled, 1u);
}

TEST(FakeEngine, echoes_a_prompt_with_its_scores) {
  FakeEngine engine({});
  schema::CompletionRequest request;
  request.model = "fake";
  request.prompts = {{"你好", {}}, {"abc", {}}};
  request.echo = true;
  request.logprobs = 1;
  request.max_tokens = 0;
  const auto scored = collect(all_of(**engine.complete(request, {}, [] {})));
  ASSERT_EQ(scored.choices().size(), 2u);
  EXPECT_EQ(scored.choices()[0].content, "你好");
  ASSERT_EQ(scored.choices()[0].logprobs.size(), 2u);
  EXPECT_TRUE(std::isnan(scored.choices()[0].logprobs[0].chosen.logprob));
  EXPECT_LT(scored.choices()[0].logprobs[1].chosen.logprob, 0);
  EXPECT_EQ(scored.choices()[1].logprobs.size(), 3u);
  EXPECT_EQ(scored.usage().completion_tokens, 0);
  request.max_tokens = 2;
  const auto answered = collect(all_of(**engine.complete(request, {}, [] {})));
  EXPECT_EQ(answered.choices()[1].content, "abcab");
  EXPECT_GT(answered.choices()[1].logprobs.size(), 3u);
}

TEST(FakeEngine, refuses_what_the_model_cannot) {
  FakeOptions options;
  options.context = 4;
  options.queue_max = 0;
  FakeEngine engine(options);
  EXPECT_EQ(engine.chat(asking("12345"), {}, [] {}).error().message, Message::PromptTooLong);
  EXPECT_EQ(engine.chat(asking(""), {}, [] {}).error().message, Message::PromptEmpty);
  EXPECT_EQ(engine.chat(asking("x"), {}, [] {}).error().message, Message::QueueFull);
  schema::ChatRequest seeing = asking("x");
  seeing.messages[0].parts[0].image = schema::Image{"image/png", "x"};
  EXPECT_EQ(engine.chat(seeing, {}, [] {}).error().message, Message::NoVision);
  EXPECT_EQ(engine.detokenize({-1}).error().message, Message::BadToken);
  EXPECT_EQ(*engine.detokenize({26143, 65}), "星A");
}

TEST(FakeEngine, hands_over_and_another_goes_on) {
  FakeOptions options;
  options.per_step = std::chrono::milliseconds(1);
  schema::ChatRequest request = asking(std::string(200, 'a') + std::string(200, 'b'));
  request.n = 2;
  FakeEngine first(options);
  const auto begun = *first.chat(request, {}, [] {});
  std::vector<Result<schema::Delta>> said;
  while (said.size() < 10) {
    if (auto item = begun->poll()) said.push_back(std::move(*item));
  }
  EXPECT_EQ(begun->handover(), nullptr);
  first.hand_over();
  for (auto& item : all_of(*begun)) said.push_back(std::move(item));
  ASSERT_NE(begun->handover(), nullptr);
  RequestContext context;
  context.resume = std::make_shared<const Handover>(*begun->handover());

  const auto late = *first.chat(request, {}, [] {});
  EXPECT_TRUE(all_of(*late).empty());
  ASSERT_NE(late->handover(), nullptr);
  EXPECT_TRUE(late->handover()->parts.front().choices.empty());  // nothing was said

  FakeEngine second(options);
  const auto rest = *second.chat(request, context, [] {});
  for (auto& item : all_of(*rest)) said.push_back(std::move(item));
  EXPECT_EQ(rest->handover(), nullptr);
  FakeEngine third(options);
  const auto whole = all_of(**third.chat(request, {}, [] {}));
  ASSERT_EQ(said.size(), whole.size());
  for (std::size_t i = 0; i < said.size(); ++i) EXPECT_EQ(said[i]->content, whole[i]->content);
  EXPECT_EQ(collect(said).usage().completion_tokens, collect(whole).usage().completion_tokens);
}

}  // namespace
}  // namespace xc::engine
