#include "schema/utf8.h"

#include <gtest/gtest.h>

namespace xc::schema {
namespace {

TEST(Utf8, FirstBadByte) {
  EXPECT_FALSE(first_bad_byte(""));
  EXPECT_FALSE(first_bad_byte("plain text that is longer than one word of eight bytes"));
  EXPECT_FALSE(first_bad_byte("星槎 – façade 🚀"));
  EXPECT_FALSE(first_bad_byte("\xF4\x8F\xBF\xBF"));   // U+10FFFF
  EXPECT_EQ(first_bad_byte("abcdefghij\x80"), 10u);   // continuation alone
  EXPECT_EQ(first_bad_byte("a\xC0\xAF"), 1u);         // overlong '/'
  EXPECT_EQ(first_bad_byte("a\xE0\x80\xAF"), 1u);     // overlong in three
  EXPECT_EQ(first_bad_byte("ab\xED\xA0\x80"), 2u);    // surrogate
  EXPECT_EQ(first_bad_byte("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(first_bad_byte("\xF5\x80\x80\x80"), 0u);
  EXPECT_EQ(first_bad_byte("星\xE6\x98"), 3u);  // cut
}

TEST(Utf8, CharacterLength) {
  EXPECT_EQ(character_length("a星", 0), 1u);
  EXPECT_EQ(character_length("a星", 1), 3u);
  EXPECT_EQ(character_length("a星", 2), 0u);
  EXPECT_EQ(character_length("a", 1), 0u);
}

TEST(Utf8, IncompleteSuffix) {
  EXPECT_EQ(incomplete_suffix(""), 0u);
  EXPECT_EQ(incomplete_suffix("abc"), 0u);
  EXPECT_EQ(incomplete_suffix("星"), 0u);
  EXPECT_EQ(incomplete_suffix("a\xE6"), 1u);
  EXPECT_EQ(incomplete_suffix("a\xE6\x98"), 2u);
  EXPECT_EQ(incomplete_suffix("\xF0\x9F\x9A"), 3u);
  EXPECT_EQ(incomplete_suffix("a\x98"), 0u);      // never becomes a character
  EXPECT_EQ(incomplete_suffix("a\xED\xA0"), 0u);  // nor does a surrogate
  EXPECT_EQ(incomplete_suffix("\x80\x80\x80\x80"), 0u);
}

}  // namespace
}  // namespace xc::schema
