#include "engine/core/text_stream.h"

#include <gtest/gtest.h>

namespace xc::engine {
namespace {

std::string run(const std::string& text, std::vector<std::string> stops, std::size_t cut,
                bool* stopped = nullptr) {
  TextStream stream(std::move(stops));
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += cut) {
    const std::string piece = stream.add(std::string_view(text).substr(i, cut));
    EXPECT_EQ(incomplete_utf8_tail(piece), 0u);
    out += piece;
  }
  out += stream.finish();
  if (stopped != nullptr) *stopped = stream.stopped();
  return out;
}

TEST(TextStream, same_text_whatever_the_cut) {
  const std::string text = "星槎 is a raft — to the 银河。";
  for (std::size_t cut = 1; cut < 8; ++cut) EXPECT_EQ(run(text, {}, cut), text);
}

TEST(TextStream, stop_strings_never_leak_a_byte) {
  for (std::size_t cut = 1; cut < 12; ++cut) {
    bool stopped = false;
    EXPECT_EQ(run("abc<|im_end|>def", {"<|im_end|>", "###"}, cut, &stopped), "abc");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(run("答案是四。停止符后", {"停止"}, cut, &stopped), "答案是四。");
    EXPECT_EQ(run("aab", {"ab"}, cut, &stopped), "a");
  }
}

TEST(TextStream, says_which_stop_string_matched) {
  TextStream stream({"END", "###"});
  stream.add("a ### b END");
  EXPECT_EQ(stream.stop_match(), "###");
}

TEST(TextStream, near_misses_are_delivered) {
  bool stopped = true;
  EXPECT_EQ(run("x<|im_en y", {"<|im_end|>"}, 1, &stopped), "x<|im_en y");
  EXPECT_FALSE(stopped);
}

TEST(TextStream, clean_text_is_not_delayed) {
  TextStream stream({"<|im_end|>"});
  EXPECT_EQ(stream.add("hello"), "hello");
  EXPECT_EQ(stream.add(" <"), " ");
  EXPECT_EQ(stream.add("b>"), "<b>");
}

TEST(TextStream, broken_bytes_become_replacement_characters) {
  EXPECT_EQ(run("a\xFF"
                "b",
                {}, 1),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(run("a\xE6\x98", {}, 1), "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace xc::engine
