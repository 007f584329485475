#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::schema {
namespace {

template <typename T>
std::string refusal(const Result<T>& r) {
  return r ? "accepted" : r.error().param + ": " + text_of(r.error(), Language::En);
}

TEST(ParseEmbedding, Shapes) {
  const auto r = parse_embedding(
      R"({"model":"m","input":["a",[1,2]],"encoding_format":"base64","dimensions":64})");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->inputs.at(0).text, "a");
  EXPECT_EQ(r->inputs.at(1).tokens.size(), 2u);
  EXPECT_TRUE(r->base64);
  EXPECT_EQ(r->dimensions, 64);
  EXPECT_EQ(refusal(parse_embedding(R"({"model":"m"})")),
            "input: The required field 'input' is missing.");
  EXPECT_EQ(refusal(parse_embedding(R"({"model":"m","input":""})")), "input: The prompt is empty.");
  EXPECT_EQ(refusal(parse_embedding(R"({"model":"m","input":["a",""]})")),
            "input[1]: The prompt is empty.");
  EXPECT_EQ(refusal(parse_embedding(R"({"model":"m","input":"a","encoding_format":"hex"})")),
            "encoding_format: The field 'encoding_format' does not support 'hex'; use one of: "
            "float, base64.");
  EXPECT_EQ(refusal(parse_embedding(R"({"model":"m","input":"a","dimensions":0})")),
            "dimensions: The field 'dimensions' must be between 1 and 65536, got 0.");
}

TEST(ParseRerank, Shapes) {
  const auto r = parse_rerank(
      R"({"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1,"return_documents":true})");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r->top_n, 1);
  EXPECT_TRUE(r->return_documents);
  EXPECT_EQ(refusal(parse_rerank(R"({"model":"m","query":"q"})")),
            "documents: The required field 'documents' is missing.");
  EXPECT_EQ(refusal(parse_rerank(R"({"model":"m","query":"q","documents":[]})")),
            "documents: The prompt is empty.");
  EXPECT_EQ(refusal(parse_rerank(R"({"model":"m","query":"q","documents":[{"t":1}]})")),
            "documents[0].text: The required field 'documents[0].text' is missing.");
}

TEST(ParseTokenize, Shapes) {
  const auto r = parse_tokenize(R"({"model":"m","content":"a","add_special":true})");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->text, "a");
  EXPECT_TRUE(r->add_special && r->parse_special);
  EXPECT_EQ(parse_tokenize(R"({"model":"m","prompt":"b","parse_special":false})")->text, "b");
  EXPECT_EQ(refusal(parse_tokenize(R"({"model":"m"})")),
            "content: The required field 'content' is missing.");
  EXPECT_EQ(parse_detokenize(R"({"model":"m","tokens":[1,2]})")->tokens.size(), 2u);
  EXPECT_EQ(refusal(parse_detokenize(R"({"model":"m","tokens":["a"]})")),
            "tokens[0]: The field 'tokens[0]' must be integer, got string.");
}

}  // namespace
}  // namespace xc::schema
