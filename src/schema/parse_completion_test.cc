#include <gtest/gtest.h>

#include "base/limits.h"
#include "schema/openai.h"

namespace xc::schema {
namespace {

Result<CompletionRequest> ask(std::string_view prompt, std::string_view fields = "") {
  return parse_completion(R"({"model":"m","prompt":)" + std::string(prompt) + std::string(fields) +
                          "}");
}
std::string refusal(std::string_view prompt, std::string_view fields = "") {
  const auto r = ask(prompt, fields);
  return r ? "accepted" : r.error().param + ": " + text_of(r.error(), Language::En);
}

TEST(ParseCompletion, PromptShapes) {
  EXPECT_EQ(ask(R"("hi")")->prompts.at(0).text, "hi");
  EXPECT_EQ(ask(R"(["a","b"])")->prompts.at(1).text, "b");
  EXPECT_EQ(ask("[1,2,3]")->prompts.at(0).tokens, (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_EQ(ask("[[1],[2,3]]")->prompts.at(1).tokens, (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(ask("\"\"")->prompts.size(), 1u);
}

TEST(ParseCompletion, BadPrompts) {
  EXPECT_EQ(refusal("null"), "prompt: The required field 'prompt' is missing.");
  EXPECT_EQ(refusal("{}"), "prompt: The field 'prompt' must be string or array, got object.");
  EXPECT_EQ(refusal("[]"), "prompt: The prompt is empty.");
  EXPECT_EQ(refusal("[[]]"), "prompt[0]: The prompt is empty.");
  EXPECT_EQ(refusal("[1,\"a\"]"), "prompt[1]: The field 'prompt[1]' must be integer, got string.");
  EXPECT_EQ(refusal("[\"a\",1]"),
            "prompt[1]: The field 'prompt[1]' must be string or array of token ids, got integer.");
  EXPECT_EQ(refusal("[-1]"),
            "prompt[0]: The field 'prompt[0]' must be between 0 and 2147483647, got -1.");
  std::string many = "\"a\"";
  for (std::size_t i = 0; i < limits::kPromptsMax; ++i) many += ",\"a\"";
  EXPECT_EQ(refusal("[" + many + "]"),
            "prompt: The field 'prompt' has 129 items; the limit is 128.");
}

TEST(ParseCompletion, Fields) {
  const auto r = ask(R"("def f(")", R"(,"suffix":"","echo":true,"max_tokens":0,"logprobs":5,"n":2,
      "best_of":2,"stop":"\n","stream":true,"stream_options":{"include_usage":true})");
  ASSERT_TRUE(r) << text_of(r.error(), Language::En);
  EXPECT_TRUE(r->has_suffix && r->echo && r->stream && r->include_usage);
  EXPECT_EQ(r->max_tokens, 0);
  EXPECT_EQ(r->logprobs, 5);
  EXPECT_FALSE(ask("\"a\"", R"(,"suffix":null)")->has_suffix);
  EXPECT_EQ(refusal("\"a\"", R"(,"max_tokens":-5)"),
            "max_tokens: The field 'max_tokens' must be between 0 and 1048576, got -5.");
  EXPECT_EQ(refusal("\"a\"", R"(,"best_of":3)"), "best_of: Not supported: best_of > n.");
  EXPECT_EQ(refusal("\"a\"", R"(,"logprobs":true)"),
            "logprobs: The field 'logprobs' must be integer, got boolean.");
}

TEST(ParseCompletion, speculation_is_auto_or_off) {
  const auto plain = parse_completion(R"({"model":"m","prompt":"x"})");
  EXPECT_EQ(plain->speculation, Speculation::Auto);
  EXPECT_EQ(render(*plain).find("speculation"), std::string::npos);
  const auto off = parse_completion(R"({"model":"m","prompt":"x","speculation":"off"})");
  EXPECT_EQ(off->speculation, Speculation::Off);
  EXPECT_EQ(parse_completion(render(*off))->speculation, Speculation::Off);
  EXPECT_EQ(parse_chat(R"({"model":"m","messages":[{"role":"user","content":"x"}],)"
                       R"("speculation":"off"})")
                ->speculation,
            Speculation::Off);
  for (const char* bad : {"\"on\"", "true", "1"}) {
    const auto refused =
        parse_completion(std::string(R"({"model":"m","prompt":"x","speculation":)") + bad + "}");
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().param, "speculation");
  }
}

}  // namespace
}  // namespace xc::schema
