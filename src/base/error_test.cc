#include "base/error.h"

#include <gtest/gtest.h>

namespace xc {
namespace {

TEST(Error, every_message_has_both_languages_and_the_same_slots) {
  for (int i = 1; i < static_cast<int>(Message::Count); ++i) {
    const auto message = static_cast<Message>(i);
    const std::string zh = text_of(message, {}, Language::Zh);
    const std::string en = text_of(message, {}, Language::En);
    EXPECT_FALSE(zh.empty()) << name_of(message);
    EXPECT_FALSE(en.empty()) << name_of(message);
    for (const char* slot : {"{0}", "{1}", "{2}", "{3}"}) {
      EXPECT_EQ(zh.find(slot) == std::string::npos, en.find(slot) == std::string::npos)
          << name_of(message) << slot;
    }
    EXPECT_EQ(message_of_name(name_of(message)), message);
  }
}

TEST(Error, arguments_fill_their_slots) {
  EXPECT_EQ(text_of(Message::MissingField, {"model"}, Language::En),
            "The required field 'model' is missing.");
  EXPECT_EQ(text_of(Message::MissingField, {}, Language::Zh), "缺少必填字段“{0}”。");
}

TEST(Error, codes_and_statuses) {
  EXPECT_EQ(facts_of(Code::RateLimited).http_status, 429);
  EXPECT_EQ(code_of_status(429), Code::RateLimited);
  EXPECT_EQ(code_of_status(418), Code::InvalidRequest);
  EXPECT_EQ(code_of_status(599), Code::Upstream);
  EXPECT_EQ(code_of_name("NotFound"), Code::NotFound);
  EXPECT_EQ(code_of_name("nonsense"), Code::Internal);
}

TEST(Error, language_is_chinese_unless_english_comes_first) {
  EXPECT_EQ(language_of(""), Language::Zh);
  EXPECT_EQ(language_of("zh-CN,en;q=0.5"), Language::Zh);
  EXPECT_EQ(language_of("en-US,zh;q=0.5"), Language::En);
  EXPECT_EQ(language_of("fr"), Language::Zh);
}

}  // namespace
}  // namespace xc
