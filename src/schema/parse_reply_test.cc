#include <gtest/gtest.h>

#include "schema/openai.h"

namespace xc::schema {
namespace {

std::vector<Delta> read(std::string_view json) {
  auto deltas = parse_chat_chunk(json);
  EXPECT_TRUE(deltas) << json << ": " << deltas.error().detail;
  return deltas ? std::move(*deltas) : std::vector<Delta>{};
}

TEST(ParseChunk, WhatServersSend) {
  EXPECT_EQ(read(R"({"choices":[{"index":0,"delta":{"content":"你"},"finish_reason":null}]})")
                .at(0)
                .content,
            "你");
  // vLLM: role alone, usage null.
  EXPECT_TRUE(read(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""},
      "logprobs":null,"finish_reason":null}],"usage":null})")
                  .empty());
  EXPECT_EQ(read(R"({"choices":[{"delta":{"reasoning":"hm","content":null}}]})").at(0).reasoning,
            "hm");
  EXPECT_EQ(read(R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})").at(0).reasoning, "hm");
  // llama-server: finish with usage in a chunk of its own.
  const auto end = read(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,
      "prompt_tokens_details":{"cached_tokens":8}},"timings":{}})");
  ASSERT_EQ(end.size(), 1u);
  EXPECT_EQ(end[0].usage->cached_tokens, 8);
  // DeepSeek: finish and usage together.
  const auto both = read(R"({"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],
      "usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_cache_hit_tokens":1,
      "completion_tokens_details":{"reasoning_tokens":1}}})");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].finish, Finish::Stop);
  EXPECT_EQ(both[1].usage->cached_tokens, 1);
  EXPECT_EQ(both[1].usage->reasoning_tokens, 1);
  // Usage in every chunk: only the end counts.
  EXPECT_EQ(read(R"({"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}})").size(),
            1u);
  // A reply that is not streamed.
  EXPECT_EQ(
      read(R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})").at(0).content,
      "a");
}

// What is read without a document is what the document says. An "error" of an odd kind says nothing
// and is not plain.
TEST(ParseChunk, PlainChunksReadAlike) {
  const auto shown = [](std::string_view json) {
    const auto deltas = parse_chat_chunk(json);
    if (!deltas) return "! " + deltas.error().detail;
    std::string out;
    for (const Delta& delta : *deltas) out += render_chat_chunk({}, delta, false);
    return out;
  };
  for (std::string json : {
           R"({"choices":[{"delta":{"content":"a\n\u4f60\"你"},"index":3}],"x":[{"choices":1}]})",
           R"({"choices":[{"index":1,"delta":{"content":"b"}},{"delta":{"content":"a"}}]})",
           R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"len\u0067th"}]})",
           R"({"choices":[{"delta":{"content":"a","content":"b"}}]})",
           R"({"choices":[{"delta":{"content":"a"}}],"choices":[{"delta":{"content":"b"}}]})",
           R"({"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}})",
           R"({"usage":{"prompt_tokens":-1,"completion_tokens":2.5e0}})",
           R"({"usage":{"prompt_tokens":99999999999999999,"cached_tokens":"1"}})",
           R"({"usage":{"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":2},
               "cached_tokens":3},"choices":[],"timings":{"queue_ms":1,"prefill_ms":2.5}})",
           R"({"choices":null,"usage":null})",
           R"({"choices":null,"usage":{}})",
           R"({"choices":[null]})",
           R"({"choices":[1]})",
           R"({"choices":[[]]})",
           R"({"choices":{}})",
           R"({"choices":[{"index":-1}]})",
           R"({"choices":[{"index":99999}]})",
           R"({"choices":[{"index":"1","delta":{"content":"a"}}]})",
           R"({"choices":[{"delta":{"content":["a"],"reasoning_content":null}}]})",
           R"({"choices":[{"delta":{"reasoning":"r","reasoning_content":"c"}}]})",
           R"({"choices":[{"delta":null,"message":{"content":"m"}}]})",
           R"({"choices":[{"delta":{"cont\u0065nt":"a"}}]})",
           R"({"choices":[{"delta":{"content":"a"},"finish_reason":"stop","stop_reason":"x"}]})",
           R"({"choices":[{"delta":{"content":"a"},"finish_reason":"stop","stop_reason":5}]})",
           R"({"object":"error","message":"no","choices":[]})",
       }) {
    const std::string plain = shown(json);
    const std::size_t end = json.rfind('}');
    EXPECT_EQ(plain, shown(json.insert(end, R"(,"error":[])"))) << json;
  }
  EXPECT_EQ(shown("[]"), "! not an object");
}

// What our own worker, or another Xingcha, says of a call that it could not read.
TEST(ParseChunk, WarningOfACallThatCouldNotBeRead) {
  EXPECT_TRUE(read(R"({"choices":[{"delta":{"content":"<tool_call>{"},
      "warning":"tool_call_unreadable"}]})")
                  .at(0)
                  .unread_call);
  EXPECT_TRUE(
      read(R"({"choices":[{"delta":{},"warning":"tool_call_unreadable"}]})").at(0).unread_call);
  EXPECT_FALSE(
      read(R"({"choices":[{"delta":{"content":"a"},"warning":"other"}]})").at(0).unread_call);
}

TEST(ParseChunk, ToolCalls) {
  const auto indexed = read(R"({"choices":[{"delta":{"tool_calls":[{"index":2,"id":"c",
      "function":{"name":"f","arguments":""}}]}}]})")
                           .at(0)
                           .tool_calls.at(0);
  EXPECT_EQ(indexed.index, 2);
  EXPECT_EQ(indexed.id, "c");
  const auto whole = read(R"({"choices":[{"delta":{"tool_calls":[
      {"id":"a","function":{"name":"f","arguments":{"x":1}}},
      {"id":"b","function":{"name":"g","arguments":"{}"}}]}}]})")
                         .at(0)
                         .tool_calls;
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[0].arguments, R"({"x":1})");
  EXPECT_EQ(whole[1].index, 1);
  const auto legacy =
      read(R"({"choices":[{"delta":{"function_call":{"name":"f","arguments":"{"}}}]})");
  EXPECT_EQ(legacy.at(0).tool_calls.at(0).name, "f");
}

TEST(ParseChunk, FinishReasons) {
  const auto finish = [](std::string_view json) {
    const auto deltas =
        read(R"({"choices":[{"delta":{},"finish_reason":)" + std::string(json) + "}]}");
    return deltas.empty() ? std::nullopt : deltas[0].finish;
  };
  EXPECT_EQ(finish("null"), std::nullopt);
  EXPECT_EQ(finish("\"\""), std::nullopt);
  EXPECT_EQ(finish("\"length\""), Finish::Length);
  EXPECT_EQ(finish("\"function_call\""), Finish::ToolCalls);
  EXPECT_EQ(finish("\"content_filter\""), Finish::ContentFilter);
  EXPECT_EQ(finish("\"eos_token\""), Finish::Stop);
  EXPECT_EQ(finish(R"({"type":"length","length":5})"), Finish::Length);
}

TEST(ParseChunk, Refuses) {
  for (const char* json : {"", "[]", "{}", "{\"choices\":", R"({"choices":[1]})",
                           R"({"choices":[{"index":-1,"delta":{"content":"a"}}]})",
                           R"({"choices":[{"index":1000000000,"delta":{"content":"a"}}]})",
                           R"({"choices":[{"delta":{"tool_calls":[{"index":99999}]}}]})",
                           R"({"choices":[{"delta":{"tool_calls":[7]}}]})"}) {
    const auto deltas = parse_chat_chunk(json);
    ASSERT_FALSE(deltas) << json;
    EXPECT_EQ(deltas.error().code, Code::Upstream) << json;
  }
}

TEST(ParseChunk, ErrorsInTheStream) {
  const auto code = [](std::string_view json) { return parse_chat_chunk(json).error().code; };
  EXPECT_EQ(code(R"({"error":{"message":"too long","type":"BadRequestError","code":400}})"),
            Code::InvalidRequest);
  EXPECT_EQ(code(R"({"error":{"message":"x","type":"invalid_request_error"}})"),
            Code::InvalidRequest);
  EXPECT_EQ(code(R"({"error":"out of memory"})"), Code::Upstream);
  EXPECT_EQ(code(R"({"object":"error","message":"m","code":503})"), Code::Unavailable);
  EXPECT_TRUE(parse_chat_chunk(R"({"error":null,"choices":[]})"));
}

TEST(ParseChunk, Completion) {
  const auto deltas = parse_completion_chunk(
      R"({"choices":[{"index":1,"text":"ab","logprobs":null,"finish_reason":"length"}]})");
  ASSERT_TRUE(deltas);
  EXPECT_EQ(deltas->at(0).choice, 1);
  EXPECT_EQ(deltas->at(0).content, "ab");
  EXPECT_EQ(deltas->at(0).finish, Finish::Length);
}

TEST(ParseAnswers, Refuses) {
  for (const char* json :
       {"", "{}", R"({"data":[1]})", R"({"data":[{"embedding":["a"]}]})",
        R"({"data":[{"index":5,"embedding":[1]}]})", R"({"data":[{"embedding":"Zg=="}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
        R"({"error":{"message":"x"}})"}) {
    EXPECT_FALSE(parse_embeddings(json)) << json;
  }
  for (const char* json : {"{}", R"({"results":[{"index":0}]})", R"({"results":[{"score":1}]})",
                           R"({"results":[{"index":-2,"score":1}]})"}) {
    EXPECT_FALSE(parse_ranking(json)) << json;
  }
}

}  // namespace
}  // namespace xc::schema
