#include "engine/core/thought_budget.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xc::engine {
namespace {

using Start = ThoughtLimit::Start;

ThoughtLimit limit(Start start, std::optional<int> tokens) {
  ThoughtLimit out;
  out.start = start;
  out.tokens = tokens;
  out.closing = {7, 8};  // "\n", "</think>"
  return out;
}

// What a model with these pieces says: tokens that are due go in front of its own.
std::string said(const ThoughtLimit& form, const std::vector<std::string>& pieces) {
  ThoughtBudget budget(form);
  std::string out;
  for (const std::string& piece : pieces) {
    while (const auto token = budget.due()) {
      const std::string text = *token == 7 ? "\n" : "</think>";
      out += "[" + text + "]";
      budget.accept(text);
    }
    out += piece;
    budget.accept(piece);
  }
  return out;
}

TEST(ThoughtBudget, closes_thoughts_after_the_last_token) {
  const std::vector<std::string> pieces{"a", "b", "c", "d"};
  EXPECT_EQ(said(limit(Start::Thoughts, 2), pieces), "ab[\n][</think>]cd");
  EXPECT_EQ(said(limit(Start::Thoughts, 0), pieces), "[\n][</think>]abcd");
  EXPECT_EQ(said(limit(Start::Thoughts, std::nullopt), pieces), "abcd");
  EXPECT_EQ(said(limit(Start::Thoughts, 4), {"a", "b", "c", "</think>", "d", "e"}),
            "abc</think>de");
}

TEST(ThoughtBudget, closes_once) {
  const std::vector<std::string> pieces{"a", "b", "<think>", "c", "d", "e"};
  EXPECT_EQ(said(limit(Start::Thoughts, 1), pieces), "a[\n][</think>]b<think>cde");
}

TEST(ThoughtBudget, counts_from_the_opening_tag) {
  EXPECT_EQ(said(limit(Start::Answer, 2), {"<think>", "\n", "a", "b"}),
            "<think>\na[\n][</think>]b");
  EXPECT_EQ(said(limit(Start::Answer, 2), {" ", "\n<", "thi", "nk>", "a", "b", "c"}),
            " \n<think>ab[\n][</think>]c");
  EXPECT_EQ(said(limit(Start::Answer, 0), {"<think>", "a"}), "<think>[\n][</think>]a");
  EXPECT_EQ(said(limit(Start::Answer, 2), {"<thin", "gs", "a", "b"}), "<thingsab");
  EXPECT_EQ(said(limit(Start::Answer, 1), {"a", "<think>", "b", "c"}), "a<think>bc");
  EXPECT_EQ(said(limit(Start::None, 1), {"<think>", "b", "c"}), "<think>bc");
}

TEST(ThoughtBudget, waits_for_characters_and_tags) {
  EXPECT_EQ(said(limit(Start::Thoughts, 1), {"\xE4", "\xBD", "\xA0", "a"}),
            "\xE4\xBD\xA0[\n][</think>]a");
  EXPECT_EQ(said(limit(Start::Thoughts, 1), {"a</", "th", "ink", ">", "b"}), "a</think>b");
  EXPECT_EQ(said(limit(Start::Thoughts, 1), {"a</", "th", "at", "b"}), "a</that[\n][</think>]b");
  EXPECT_EQ(said(limit(Start::Thoughts, 1), {"a <", "b"}), "a <[\n][</think>]b");
  // Not for ever.
  const std::vector<std::string> broken(40, "\xE4");
  EXPECT_NE(said(limit(Start::Thoughts, 1), broken).find("[</think>]"), std::string::npos);
}

TEST(ThoughtBudget, says_whether_thoughts_go_on) {
  ThoughtBudget budget(limit(Start::Answer, std::nullopt));
  EXPECT_FALSE(budget.thinking());
  budget.accept("<think>");
  EXPECT_TRUE(budget.thinking());
  budget.accept("a");
  EXPECT_TRUE(budget.thinking());
  budget.accept("</think>b");
  EXPECT_FALSE(budget.thinking());
  EXPECT_TRUE(budget.over());
}

// A process that goes on with an answer sees its tokens again, the forced ones among them.
TEST(ThoughtBudget, replay_arrives_at_the_same_state) {
  const std::vector<std::string> tokens{"a", "b", "\n", "</think>", "c"};
  for (std::size_t cut = 0; cut <= tokens.size(); ++cut) {
    ThoughtBudget first(limit(Start::Thoughts, 2));
    ThoughtBudget second(limit(Start::Thoughts, 2));
    for (std::size_t i = 0; i < cut; ++i) first.accept(tokens[i]);
    for (std::size_t i = 0; i < cut; ++i) second.accept(tokens[i]);
    EXPECT_EQ(first.due(), second.due());
    EXPECT_EQ(first.due(), cut == 2   ? std::optional<Token>(7)
                           : cut == 3 ? std::optional<Token>(8)
                                      : std::nullopt);
    EXPECT_EQ(first.over(), cut >= 4);
  }
}

}  // namespace
}  // namespace xc::engine
