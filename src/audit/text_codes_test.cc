#include "audit/text_codes.h"

#include <gtest/gtest.h>

namespace xc::audit {
namespace {

TEST(TextCodes, Base64HasOneSpelling) {
  for (const std::string bytes : {"", "f", "fo", "foo", "\xff\xfe\xfd\xfc"}) {
    EXPECT_EQ(bytes_of_base64(base64_of(bytes)), bytes);
  }
  EXPECT_EQ(base64_of("fo"), "Zm8");
  EXPECT_FALSE(bytes_of_base64("Zm9"));   // unused bits
  EXPECT_FALSE(bytes_of_base64("Z"));     // half a byte
  EXPECT_FALSE(bytes_of_base64("Zm8="));  // padding
  EXPECT_FALSE(bytes_of_base64("Z+8"));
}

TEST(TextCodes, NumbersAndHexAreStrict) {
  EXPECT_EQ(number_of("0"), 0u);
  EXPECT_EQ(number_of("18446744073709551615"), ~std::uint64_t{0});
  for (const std::string_view bad : {"", "00", "01", "-1", "+1", "1 ", "18446744073709551616"}) {
    EXPECT_FALSE(number_of(bad)) << bad;
  }
  EXPECT_FALSE(bytes_of_hex("A0"));
  EXPECT_FALSE(bytes_of_hex("a"));
}

TEST(TextCodes, JsonTextsComeBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string json;
  append_json_text(json, all);
  TextCursor cursor(json);
  EXPECT_EQ(cursor.json_text(), all);
  EXPECT_TRUE(cursor.at_end());
  for (const std::string_view bad : {"", "\"", "\"\\n\"", "\"\\u0041\"", "\"\\u00", "\"\\"}) {
    TextCursor broken(bad);
    broken.json_text();
    EXPECT_FALSE(broken.ok()) << bad;
  }
}

}  // namespace
}  // namespace xc::audit
