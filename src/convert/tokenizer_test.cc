#include "convert/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "convert/checkpoint_test_folder.h"

namespace xc::convert {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  return out + static_cast<char>(value);
}
std::string field(int number, const std::string& bytes) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string number(int number, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(number) << 3) + varint(value);
}
std::string piece(const std::string& text, float score, int type) {
  std::string bytes = field(1, text) + varint(2 << 3 | 5) + std::string(4, '\0');
  std::memcpy(bytes.data() + bytes.size() - 4, &score, 4);
  return field(1, bytes + number(3, static_cast<std::uint64_t>(type)));
}
const std::string kBpe = field(2, number(3, 2));

TEST(SentencePiece, ReadsPiecesAndRules) {
  const std::string bytes = piece("<unk>", 0, 2) + piece("▁a", -1.5f, 1) + piece("<0x41>", 0, 6) +
                            field(2, number(3, 2) + number(41, std::uint64_t(-1))) +
                            field(3, field(1, "identity") + number(3, 0) + number(4, 1)) +
                            field(9, "unknown") + varint(10 << 3 | 1) + std::string(8, 'x');
  const auto model = parse_sentencepiece(bytes, "tokenizer.model");
  ASSERT_TRUE(model);
  ASSERT_EQ(model->pieces.size(), 3u);
  EXPECT_EQ(model->pieces[1].text, "▁a");
  EXPECT_EQ(model->pieces[1].score, -1.5f);
  EXPECT_EQ(model->pieces[2].type, PieceType::Byte);
  EXPECT_TRUE(model->is_bpe);
  EXPECT_EQ(model->bos, -1);
  EXPECT_FALSE(model->add_dummy_prefix);
  EXPECT_TRUE(model->remove_extra_whitespaces);
}

TEST(SentencePiece, EveryCutOfAFileIsRefusedOrShorter) {
  const std::string whole = piece("<unk>", 0, 2) + piece("ab", -1, 1) + kBpe;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto model = parse_sentencepiece(whole.substr(0, cut), "m");
    if (model) EXPECT_LE(model->pieces.size(), 2u);
  }
  for (const std::string& bad :
       {std::string(), std::string(11, '\xff'), std::string("\x0a\xff\x01"), std::string("\x0b"),
        piece("", 0, 1), piece("a", 0, 9), piece("a", NAN, 1), std::string("\x02\x00", 2)}) {
    const auto model = parse_sentencepiece(bad, "m");
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().args.at(0), "m");
  }
}

// Digits and newlines must not cut the text into segments; role markers must.
TEST(Tokenizer, UserDefinedCharactersBecomeNormalAndMarkersStay) {
  const auto model = parse_sentencepiece(
      piece("<unk>", 0, 2) + piece("<_user>", 0, 4) + piece("7", 0, 4) + piece("\n", 0, 4) + kBpe,
      "m");
  ASSERT_TRUE(model);
  const auto tokenizer = tokenizer_of(*model, 6);
  ASSERT_TRUE(tokenizer);
  EXPECT_THAT(tokenizer->types, ElementsAre(2, 4, 1, 1, 5, 5));
  EXPECT_EQ(tokenizer->tokens[5], "[PAD5]");
  EXPECT_TRUE(tokenizer->add_space_prefix);
  EXPECT_FALSE(tokenizer_of(*model, 3));  // more pieces than rows of the embedding
}

TEST(Tokenizer, RefusesUnigram) {
  const auto model = parse_sentencepiece(piece("a", 0, 1) + field(2, number(3, 1)), "m");
  ASSERT_TRUE(model);
  EXPECT_FALSE(tokenizer_of(*model, 1));
}

TEST(TokenizerJson, ReadsVocabularyMergesAndSplitting) {
  const auto parsed = parse_tokenizer_json(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},
      "merges":[["a","b"]]},"added_tokens":[{"id":4,"content":"<|x|>","special":false}],
      "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":
      "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+"}},{"type":"ByteLevel"}]},
      "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}]}})");
  ASSERT_TRUE(parsed) << parsed.error().args.at(1);
  EXPECT_EQ(parsed->pre, "qwen2");
  EXPECT_THAT(parsed->merges, ElementsAre("a b"));
  EXPECT_TRUE(parsed->adds_bos);
  TokenizerJson copy = *parsed;
  const auto tokenizer = tokenizer_of(std::move(copy), 6, "");
  ASSERT_TRUE(tokenizer);
  EXPECT_THAT(tokenizer->tokens, ElementsAre("a", "b", "ab", "[PAD3]", "<|x|>", "[PAD5]"));
  EXPECT_THAT(tokenizer->types, ElementsAre(1, 1, 1, 5, 3, 5));
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnow) {
  const auto reason = [](const std::string& text) {
    const auto parsed = parse_tokenizer_json(text);
    return parsed ? "accepted" : parsed.error().args.at(1);
  };
  EXPECT_THAT(reason("{}"), HasSubstr("no BPE"));
  EXPECT_THAT(reason(R"({"model":{"type":"BPE","vocab":{},"merges":[]}})"),
              HasSubstr("byte-level"));
  const std::string pre = R"("pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE",)";
  EXPECT_THAT(reason("{" + pre + R"("vocab":{"a":-1},"merges":[]}})"), HasSubstr("out of range"));
  EXPECT_THAT(reason("{" + pre + R"("vocab":{"a":99999999},"merges":[]}})"), HasSubstr("range"));
  EXPECT_THAT(reason("{" + pre + R"("vocab":{"a":0},"merges":["ab"]}})"), HasSubstr("no pair"));
  EXPECT_THAT(reason("{" + pre + R"("vocab":{"a":0}}})"), HasSubstr("merges"));
}

}  // namespace
}  // namespace xc::convert
