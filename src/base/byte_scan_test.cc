#include "base/byte_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace xc {
namespace {

template <typename One>
std::size_t slowly(std::string_view text, One one) {
  return static_cast<std::size_t>(std::ranges::find_if(text, one) - text.begin());
}

// Every byte at every place of a text that is longer than two steps of eight.
TEST(ByteScan, FindsWhatALoopFinds) {
  const auto plain = [](unsigned char c) { return c < 0x20 || c >= 0x80 || c == '"' || c == '\\'; };
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const auto line_end = [](unsigned char c) { return c == '\r' || c == '\n'; };
  for (const char around : {'a', '~', '\x7e', '!', '#', '[', ']'}) {
    for (std::size_t size = 0; size <= 19; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        for (int byte = 0; byte < 256; ++byte) {
          std::string text(size, around);
          text[at] = static_cast<char>(byte);
          ASSERT_EQ(find_not_plain(text), slowly(text, plain)) << byte << '@' << at;
          ASSERT_EQ(find_control(text), slowly(text, control)) << byte << '@' << at;
          const std::size_t end = find_line_end(text);
          ASSERT_EQ(end == std::string_view::npos ? size : end, slowly(text, line_end)) << byte;
        }
      }
    }
  }
}

TEST(ByteScan, GoesOnFromWhereItIsTold) {
  const std::string text = "aa\"aaaaaaaaaaaa\"a";
  EXPECT_EQ(find_not_plain(text, 3), 15u);
  EXPECT_EQ(find_not_plain(text, 16), text.size());
  EXPECT_EQ(find_not_plain(text, text.size()), text.size());
  EXPECT_EQ(find_not_plain(""), 0u);
  EXPECT_EQ(find_line_end(""), std::string_view::npos);
}

}  // namespace
}  // namespace xc
