#include "engine/core/ngram_draft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace xc::engine {
namespace {

using Tokens = std::vector<Token>;

NgramDraft of(const Tokens& tokens, int tokens_max = 32768) {
  NgramDraft draft(tokens_max);
  draft.append(tokens);
  return draft;
}

TEST(NgramDraft, nothing_known_nothing_drafted) {
  EXPECT_TRUE(NgramDraft().draft(8).empty());
  EXPECT_TRUE(of({1}).draft(8).empty());
  EXPECT_TRUE(of({1, 2, 3, 4, 5}).draft(8).empty());
  EXPECT_TRUE(of({1, 2, 3, 1, 2}).draft(0).empty());
}

TEST(NgramDraft, two_equal_tokens_are_the_shortest_match) {
  EXPECT_EQ(of({1, 2, 3, 9, 2}).draft(8), Tokens{});
  EXPECT_EQ(of({1, 2, 3, 4, 5, 6, 7, 1, 2}).draft(8), (Tokens{3, 4, 5, 6}));  // twice the match
  EXPECT_EQ(of({1, 2, 3, 4, 5, 6, 7, 1, 2}).draft(1), (Tokens{3}));
}

TEST(NgramDraft, the_longest_match_wins_over_the_latest) {
  // "5 6 7 8" was followed by 50; the later "7 8" by 60.
  EXPECT_EQ(of({5, 6, 7, 8, 50, 51, 7, 8, 60, 61, 5, 6, 7, 8}).draft(1), (Tokens{50}));
  // Equal length: the later one.
  EXPECT_EQ(of({7, 8, 50, 1, 7, 8, 60, 2, 7, 8}).draft(1), (Tokens{60}));
}

TEST(NgramDraft, a_loop_goes_on_as_a_loop) {
  EXPECT_EQ(of({1, 2, 3, 1, 2, 3, 1, 2, 3}).draft(7), (Tokens{1, 2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(of({4, 4, 4, 4}).draft(4), (Tokens{4, 4, 4, 4}));
}

TEST(NgramDraft, images_match_nothing_and_are_not_drafted) {
  EXPECT_TRUE(of({-1, -1, 3, -1, -1}).draft(4).empty());
  EXPECT_EQ(of({1, 2, 3, -1, 5, 1, 2}).draft(4), (Tokens{3}));
  EXPECT_TRUE(of({1, 2, -1, 5, 1, 2}).draft(4).empty());
}

TEST(NgramDraft, memory_is_bounded_and_the_recent_half_stays_known) {
  NgramDraft draft(1000);
  for (int i = 0; i < 10'000; ++i) {
    draft.append(100'000 + i);
    EXPECT_LE(draft.size(), 1000);
  }
  draft.append(Tokens{109'995, 109'996, 109'997});
  EXPECT_EQ(draft.draft(2), (Tokens{109'998, 109'999}));
  draft.append(Tokens{1, 100'001, 100'002});
  EXPECT_TRUE(draft.draft(2).empty());
}

// Against a plain search, over texts with many repetitions; few places, so none is passed over.
TEST(NgramDraft, agrees_with_a_plain_search) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Tokens text;
    NgramDraft draft;
    const int kinds = 8 + static_cast<int>(random() % 60);
    for (int i = 0; i < 60; ++i) {
      text.push_back(static_cast<Token>(random() % static_cast<unsigned>(kinds)));
      draft.append(text.back());
      int longest = 0;
      int places = 0;
      Token next = -1;
      for (int at = i - 1; at >= 0; --at) {
        int match = 0;
        while (match < 32 && match <= at &&
               text[static_cast<std::size_t>(at - match)] ==
                   text[static_cast<std::size_t>(i - match)])
          ++match;
        places += match >= 2 ? 1 : 0;
        if (match >= 2 && match > longest) {
          longest = match;
          next = text[static_cast<std::size_t>(at + 1)];
        }
      }
      if (places >= 4) continue;  // beyond the candidates when buckets are shared
      const Tokens got = draft.draft(1);
      ASSERT_EQ(got, longest == 0 ? Tokens{} : Tokens{next}) << "round " << round << " at " << i;
    }
  }
}

}  // namespace
}  // namespace xc::engine
