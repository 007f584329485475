#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "schema/openai.h"

namespace xc::schema {
namespace {

const ReplyHead kHead{"chatcmpl-1", "m", 7, "fp"};

std::string chunk_with(std::string_view rest) {
  return R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m",)"
         R"("system_fingerprint":"fp",)" +
         std::string(rest) + "}";
}

TEST(RenderChat, Chunks) {
  Delta text;
  text.content = "你\"\n";
  EXPECT_EQ(render_chat_chunk(kHead, text, false),
            chunk_with(R"("choices":[{"index":0,"delta":{"content":"你\"\n"},"logprobs":null,)"
                       R"("finish_reason":null}])"));
  EXPECT_EQ(render_chat_chunk(kHead, Delta{}, true),
            chunk_with(R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},)"
                       R"("logprobs":null,"finish_reason":null}])"));
  Delta last;
  last.choice = 1;
  last.finish = Finish::Length;
  EXPECT_EQ(render_chat_chunk(kHead, last, false),
            chunk_with(R"("choices":[{"index":1,"delta":{},"logprobs":null,)"
                       R"("finish_reason":"length"}])"));
  Delta usage;
  usage.usage = Usage{10, 5, 3, 2};
  EXPECT_EQ(render_chat_chunk(kHead, usage, false),
            chunk_with(R"("choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,)"
                       R"("total_tokens":15,"prompt_tokens_details":{"cached_tokens":3},)"
                       R"("completion_tokens_details":{"reasoning_tokens":2}})"));
}

TEST(RenderChat, ToolCallChunks) {
  Delta first;
  first.tool_calls = {{0, "c1", "f", ""}};
  EXPECT_EQ(render_chat_chunk(kHead, first, true),
            chunk_with(R"("choices":[{"index":0,"delta":{"role":"assistant","content":null,)"
                       R"("tool_calls":[{"index":0,"id":"c1","type":"function","function":)"
                       R"({"name":"f","arguments":""}}]},"logprobs":null,"finish_reason":null}])"));
  Delta more;
  more.tool_calls = {{0, "", "", "{\"a\""}};
  EXPECT_EQ(render_chat_chunk(kHead, more, false),
            chunk_with(R"("choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":)"
                       R"({"arguments":"{\"a\""}}]},"logprobs":null,"finish_reason":null}])"));
}

TEST(RenderChat, LogprobsCarryBytesOfPartialCharacters) {
  Delta delta;
  delta.content = "a";
  delta.logprobs = {
      {{"\xE6\x98", -0.5}, {{"\xE6\x98", -0.5}, {"b", -std::numeric_limits<double>::infinity()}}}};
  const std::string chunk = render_chat_chunk(kHead, delta, false);
  EXPECT_NE(chunk.find("\"logprobs\":{\"content\":[{\"token\":\"\uFFFD\uFFFD\",\"logprob\":-0.5,"
                       "\"bytes\":[230,152],\"top_logprobs\":[{\"token\":\"\uFFFD\uFFFD\","
                       "\"logprob\":-0.5,\"bytes\":[230,152]},{\"token\":\"b\",\"logprob\":-9999.0,"
                       "\"bytes\":[98]}]}],\"refusal\":null}"),
            std::string::npos)
      << chunk;
  const auto back = parse_chat_chunk(chunk);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->at(0).logprobs.at(0).chosen.token, "\xE6\x98");
}

TEST(RenderChat, Reply) {
  Collector answer;
  Delta a;
  a.content = "he";
  a.reasoning = "r";
  answer.add(a);
  a.content = "y";
  a.reasoning = "";
  a.finish = Finish::Stop;
  answer.add(a);
  Delta b;
  b.choice = 1;
  b.tool_calls = {{0, "c", "f", "{"}};
  answer.add(b);
  b.tool_calls = {{0, "", "", "}"}};
  b.finish = Finish::ToolCalls;
  answer.add(b);
  Delta usage;
  usage.usage = Usage{1, 2, 0, 0};
  answer.add(usage);
  EXPECT_EQ(
      render_chat_reply({"i", "m", 7, ""}, answer, false),
      R"({"id":"i","object":"chat.completion","created":7,"model":"m","choices":[)"
      R"({"index":0,"message":{"role":"assistant","content":"hey","reasoning_content":"r",)"
      R"("refusal":null},"logprobs":null,"finish_reason":"stop"},)"
      R"({"index":1,"message":{"role":"assistant","content":null,"refusal":null,)"
      R"("tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"("logprobs":null,"finish_reason":"tool_calls"}],)"
      R"("usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,)"
      R"("prompt_tokens_details":{"cached_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0}}})");
}

TEST(Collector, CallsCountedFromOne) {
  Collector answer;
  Delta delta;
  delta.tool_calls = {{1, "a", "f", ""}};
  answer.add(delta);
  delta.tool_calls = {{1, "", "", "1"}};
  answer.add(delta);
  delta.tool_calls = {{2, "b", "g", "2"}};
  answer.add(delta);
  const auto& calls = answer.choices().at(0).tool_calls;
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].arguments, "1");
  EXPECT_EQ(calls[1].name, "g");
}

TEST(RenderCompletion, ChunkAndLegacyLogprobs) {
  Delta delta;
  delta.content = "星";
  delta.logprobs = {{{"a", std::nan("")}, {}}, {{"星", -0.25}, {{"星", -0.25}, {"\xE6", -2}}}};
  const std::string chunk = render_completion_chunk({"cmpl-1", "m", 7, ""}, delta);
  EXPECT_EQ(
      chunk,
      R"({"id":"cmpl-1","object":"text_completion","created":7,"model":"m","choices":[)"
      R"({"text":"星","index":0,"logprobs":{"tokens":["a","星"],)"
      R"("token_logprobs":[null,-0.25],"top_logprobs":[null,{"星":-0.25,"bytes:\\xe6":-2.0}],)"
      R"("text_offset":[0,1]},"finish_reason":null}]})");
  const auto back = parse_completion_chunk(chunk);
  ASSERT_TRUE(back);
  const auto& logprobs = back->at(0).logprobs;
  ASSERT_EQ(logprobs.size(), 2u);
  EXPECT_TRUE(std::isnan(logprobs[0].chosen.logprob));
  EXPECT_EQ(logprobs[1].top.at(1).token, "\xE6");
}

TEST(RenderSmall, Answers) {
  const Embeddings embeddings{{{0.5f, -1.25f}, {0.1f}}, 3};
  EXPECT_EQ(render_embeddings("m", embeddings, false),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.25]},)"
            R"({"object":"embedding","index":1,"embedding":[0.1]}],"model":"m",)"
            R"("usage":{"prompt_tokens":3,"total_tokens":3}})");
  for (const bool base64 : {false, true}) {
    const auto back = parse_embeddings(render_embeddings("m", embeddings, base64));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->vectors, embeddings.vectors);
    EXPECT_EQ(back->prompt_tokens, 3);
  }
  RerankRequest request{"m", "q", {"a", "b"}, 1, true};
  const Ranking ranking{{{1, 0.9f}, {0, 0.1f}}, 5};
  EXPECT_EQ(render_ranking("m", ranking, request),
            R"({"object":"list","model":"m","usage":{"prompt_tokens":5,"total_tokens":5},)"
            R"("results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}}]})");
  request.top_n.reset();
  const auto back = parse_ranking(render_ranking("m", ranking, request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->order, ranking.order);
  EXPECT_EQ(render_tokens({1, 2}), R"({"tokens":[1,2]})");
  EXPECT_EQ(render_text("a\"b"), R"({"content":"a\"b"})");
}

TEST(RenderChatChunk, timings_travel_with_the_usage) {
  Delta delta;
  delta.usage = Usage{1, 2, 0, 0};
  delta.timings = Timings{1.5, 2.5, 3.5};
  const auto back = parse_chat_chunk(render_chat_chunk(ReplyHead{}, delta, false));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 1u);
  ASSERT_TRUE(back->front().timings);
  EXPECT_DOUBLE_EQ(back->front().timings->queue_ms, 1.5);
  EXPECT_DOUBLE_EQ(back->front().timings->decode_ms, 3.5);
}

}  // namespace
}  // namespace xc::schema
