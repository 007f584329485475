#include "engine/worker/handover_json.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

TEST(HandoverJson, comes_back_as_it_was) {
  Handover left;
  left.parts.push_back({7, {{{1, 2, 3}, 4, true}, {{}, 0, false}}});
  left.parts.push_back({0, {}});
  const auto back = parse_handover(render_handover(left, "abc"), "abc");
  ASSERT_TRUE(back);
  ASSERT_EQ(back->parts.size(), 2u);
  EXPECT_EQ(back->parts[0].cached_tokens, 7);
  ASSERT_EQ(back->parts[0].choices.size(), 2u);
  EXPECT_EQ(back->parts[0].choices[0].tokens, (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_EQ(back->parts[0].choices[0].generated, 4);
  EXPECT_TRUE(back->parts[0].choices[0].finished);
  EXPECT_FALSE(back->parts[0].choices[1].finished);
  EXPECT_TRUE(back->parts[1].choices.empty());
}

TEST(HandoverJson, another_model_cannot_go_on) {
  Handover left;
  left.parts.resize(1);
  const auto refused = parse_handover(render_handover(left, "abc"), "abd");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::WorkerLost);
}

TEST(HandoverJson, what_is_none_is_refused) {
  for (
      const char* text :
      {"", "[]", "{", "{}", R"({"model":"m"})", R"({"model":"m","parts":[]})",
       R"({"model":"m","parts":[{}]})",
       R"({"model":"m","parts":[{"cached_tokens":-1,"choices":[]}]})",
       R"({"model":"m","parts":[{"cached_tokens":0,"choices":[{"tokens":[1.5]}]}]})",
       R"({"model":"m","parts":[{"cached_tokens":0,"choices":[{"tokens":[99999999999],"generated":1,"finished":false}]}]})",
       R"({"model":"m","parts":[{"cached_tokens":0,"choices":[{"tokens":[],"generated":-1,"finished":false}]}]})"}) {
    EXPECT_FALSE(parse_handover(text, "m")) << text;
  }
}

}  // namespace
}  // namespace xc::engine
