// The invariants of tests/fuzz over seeded mutations of good bodies, so that they run in every
// test. A failing seed is printed and repeats.
#include <gtest/gtest.h>

#include "base/id.h"
#include "schema/openai.h"

namespace xc::schema {
namespace {

constexpr std::string_view kBodies[] = {
    R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[)"
    R"({"type":"text","text":"星"},{"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}}]},)"
    R"({"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"c","type":)"
    R"("function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c",)"
    R"("content":"1"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"a":[1.0,-0.0]}}}],)"
    R"("tool_choice":"auto","stop":["\u0000"],"logit_bias":{"5":-1},"temperature":0.7,"n":2,"stream":true,)"
    R"("chat_template_kwargs":{"enable_thinking":true,"x":{}},"response_format":{"type":"json_object"}})",
    R"({"model":"m","functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[{"role":)"
    R"("function","name":"f","content":""}]})",
    R"({"model":"m","prompt":["a",[1,2]],"suffix":"x","logprobs":2,"echo":true,"seed":-1})",
    R"({"model":"m","input":["a",[3]],"encoding_format":"base64","dimensions":8})",
    R"({"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1})",
    R"({"choices":[{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,"id":"c","function":)"
    R"({"name":"f","arguments":"{"}}]},"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97],)"
    R"("top_logprobs":[]}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})",
    R"({"error":{"message":"m","type":"t","param":"p","code":400,"xingcha":{"code":"Internal",)"
    R"("message":"QueueFull","args":["1"],"retry_after_s":2}}})",
};
constexpr std::string_view kPieces[] = {"null",
                                        "-1",
                                        "1e999",
                                        "[]",
                                        "{}",
                                        "\"\"",
                                        "true",
                                        "{",
                                        "]",
                                        "\"",
                                        "0.5",
                                        ",",
                                        "\\ud8",
                                        "\xE6",
                                        "\xFF",
                                        "[[[[[[",
                                        "99999999999999999999"};

constexpr std::string_view kValues[] = {"null", "1",     "0.5",     "[]",   "{}",      "\"\"",
                                        "true", "\"a\"", "[1,2.0]", "-0.0", "[\"b\"]", "2"};

// Anywhere, cutting and inserting pieces: mostly no JSON any more.
void break_text(std::string& body, SeededRandom& random) {
  const std::size_t at = random.next() % (body.size() + 1);
  const std::size_t cut = std::min<std::size_t>(random.next() % 8, body.size() - at);
  body.replace(at, cut, kPieces[random.next() % std::size(kPieces)]);
}

// One scalar after a colon becomes another value: mostly JSON still, and often a good request.
void change_value(std::string& body, SeededRandom& random) {
  const std::size_t colon = body.find("\":", random.next() % body.size());
  if (colon == std::string::npos) return;
  const std::size_t at = colon + 2;
  if (at >= body.size() || body[at] == '{' || body[at] == '[') return;
  const std::size_t end = std::min(body.find_first_of(",]}", at), body.size());
  body.replace(at, end - at, kValues[random.next() % std::size(kValues)]);
}

std::string mutated(SeededRandom& random) {
  std::string body(kBodies[random.next() % std::size(kBodies)]);
  const bool keep_json = random.next() % 2 == 0;
  for (std::uint64_t edits = 1 + random.next() % 3; edits > 0; --edits) {
    keep_json ? change_value(body, random) : break_text(body, random);
  }
  return body;
}

template <typename Parse>
bool holds(Parse parse, const std::string& body) {
  const auto request = parse(body);
  if (!request) return request.error().code == Code::InvalidRequest;
  const auto again = parse(render(*request));
  return again && render(*again) == render(*request);
}

bool takes(const std::string& body) {
  return parse_chat(body) || parse_completion(body) || parse_embedding(body) || parse_rerank(body);
}

void read_as_reply(const std::string& body) {
  for (const auto& deltas : {parse_chat_chunk(body), parse_completion_chunk(body)}) {
    Collector answer;
    if (deltas)
      std::for_each(deltas->begin(), deltas->end(), [&](const Delta& d) { answer.add(d); });
    EXPECT_FALSE(render_chat_reply({}, answer, true).empty());
    EXPECT_FALSE(render_completion_reply({}, answer, true).empty());
  }
  static_cast<void>(parse_embeddings(body));
  static_cast<void>(parse_ranking(body));
  const Error error = parse_error(500, body);
  const Error again = parse_error(500, render_error(error, Language::Zh, true));
  EXPECT_EQ(again.message, error.message) << body;
  EXPECT_EQ(again.args, error.args) << body;
}

TEST(Hostile, MutatedBodies) {
  constexpr std::uint64_t kSeeds = 20'000;
  std::uint64_t accepted = 0;  // mutants that a parser takes: without them nothing is proven
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SeededRandom random(seed);
    const std::string body = mutated(random);
    ASSERT_TRUE(holds(parse_chat, body)) << "seed " << seed << ": " << body;
    ASSERT_TRUE(holds(parse_completion, body)) << "seed " << seed << ": " << body;
    ASSERT_TRUE(holds(parse_embedding, body)) << "seed " << seed << ": " << body;
    ASSERT_TRUE(holds(parse_rerank, body)) << "seed " << seed << ": " << body;
    accepted += takes(body) ? 1 : 0;
    read_as_reply(body);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(accepted, kSeeds / 20);
  RecordProperty("accepted", std::to_string(accepted));
}

}  // namespace
}  // namespace xc::schema
