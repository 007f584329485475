#include "app/eval.h"

#include <gtest/gtest.h>

namespace xc::app {
namespace {

TEST(Eval, mean_and_its_error) {
  EXPECT_EQ(mean_of({}).count, 0);
  EXPECT_EQ(mean_of({3}).value, 3);
  EXPECT_EQ(mean_of({3}).error, 0);
  const Mean mean = mean_of({1, 2, 3, 4});
  EXPECT_EQ(mean.value, 2.5);
  EXPECT_NEAR(mean.error, 0.645497, 1e-6);  // sqrt(5/3) / 2
}

template <typename T>
std::string why(const Result<T>& result) {
  return result ? "fine" : text_of(result.error(), Language::En);
}

TEST(Eval, choices_are_read_line_by_line) {
  const auto items = parse_choices(
      "{\"question\":\"1+1=\",\"choices\":[\"2\",\"3\"],\"answer\":\"B\"}\r\n\n"
      "{\"question\":\"q\",\"choices\":[\"a\",\"b\",\"c\"],\"answer\":2,\"more\":1}",
      Language::En);
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].answer, 1u);
  EXPECT_EQ((*items)[1].answer, 2u);
  const std::string good = "{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":0}\n";
  EXPECT_EQ(why(parse_choices(good + "{", Language::En)), "Line 2: JSON is missing or malformed.");
  EXPECT_EQ(why(parse_choices("", Language::En)), "Line 1: JSON is missing or malformed.");
  for (const auto& [line, field] :
       {std::pair{R"({"choices":["a","b"],"answer":0})", "question"},
        std::pair{R"({"question":"q","choices":["a"],"answer":0})", "choices"},
        std::pair{R"({"question":"q","choices":"ab","answer":0})", "choices"},
        std::pair{R"({"question":"q","choices":["a","b"],"answer":2})", "answer"},
        std::pair{R"({"question":"q","choices":["a","b"],"answer":"C"})", "answer"},
        std::pair{R"({"question":"q","choices":["a","b"],"answer":-1})", "answer"}}) {
    EXPECT_EQ(why(parse_choices(good + line, Language::En)),
              std::string("Line 2: ") + field + " is missing or malformed.");
  }
}

TEST(Eval, exact_items_have_one_answer_or_several) {
  const auto items = parse_exact(
      "{\"prompt\":\"p\",\"answer\":\"a\"}\n{\"question\":\"q\",\"answer\":[\"a\",\"b\"]}",
      Language::En);
  ASSERT_TRUE(items);
  EXPECT_EQ((*items)[1].prompt, "q");
  EXPECT_EQ((*items)[1].answers.size(), 2u);
  EXPECT_EQ(why(parse_exact(R"({"prompt":"p","answer":[]})", Language::En)),
            "Line 1: answer is missing or malformed.");
}

TEST(Eval, answers_are_compared_bare) {
  EXPECT_EQ(bare_answer(" \n42.\n"), "42");
  EXPECT_EQ(bare_answer("四十二。"), "四十二");
  EXPECT_EQ(bare_answer("4.2"), "4.2");
  EXPECT_EQ(bare_answer("."), ".");
  EXPECT_EQ(bare_answer(" \n"), "");
}

TEST(Eval, scores_behind_a_place) {
  const std::string reply =
      R"({"choices":[{"index":1,"logprobs":{"token_logprobs":[null,-1],"text_offset":[0,3]}},)"
      R"({"index":0,"logprobs":{"token_logprobs":[null,-2,-3.5],"text_offset":[0,2,4]}}]})";
  const auto scores = scores_in(reply, {4, 3});
  ASSERT_TRUE(scores);
  EXPECT_EQ((*scores)[0], std::vector<double>{-3.5});
  EXPECT_EQ((*scores)[1], std::vector<double>{-1});
  EXPECT_EQ(scores_in(reply, {0, 0})->front().size(), 2u);
  EXPECT_FALSE(scores_in(reply, {0}));
  EXPECT_FALSE(scores_in(reply, {0, 0, 0}));
  EXPECT_FALSE(scores_in(R"({"choices":[{"index":0,"logprobs":null}]})", {0}));
  EXPECT_FALSE(scores_in("[]", {0}));
  EXPECT_EQ(characters_of("星A"), 2u);
}

}  // namespace
}  // namespace xc::app
