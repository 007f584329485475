#include "schema/ollama.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "schema/json_reader.h"

namespace xc::schema::ollama {
namespace {

using testing::HasSubstr;
using testing::Not;

Request chat(const std::string& json) {
  auto result = parse_chat(json);
  EXPECT_TRUE(result) << json << "\n" << (result ? "" : text_of(result.error(), Language::En));
  return result ? std::move(*result) : Request{};
}
Request generate(const std::string& json) {
  auto result = parse_generate(json);
  EXPECT_TRUE(result) << json << "\n" << (result ? "" : text_of(result.error(), Language::En));
  return result ? std::move(*result) : Request{};
}
Error refused(Result<Request> result) {
  EXPECT_FALSE(result);
  return result ? Error{} : std::move(result.error());
}

TEST(OllamaParse, ReadsTheWholeRequest) {
  const Request request = chat(R"({"model":"m:latest","messages":[
    {"role":"system","content":"be brief"},{"role":"user","content":"hi"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],
    "format":{"type":"array"},"think":"high","keep_alive":"5m","logprobs":true,"top_logprobs":2,
    "options":{"num_predict":7,"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"seed":3,
    "stop":["END"],"repeat_penalty":1.1,"presence_penalty":0.2,"frequency_penalty":0.3,
    "num_ctx":4096,"mirostat":0}})");
  EXPECT_FALSE(request.empty);
  EXPECT_EQ(request.model(), "m");
  EXPECT_TRUE(request.stream());
  EXPECT_EQ(request.keep_alive_ms, 300'000);
  const ChatRequest& c = request.chat;
  EXPECT_EQ(c.messages.size(), 2u);
  EXPECT_EQ(c.tools.at(0).name, "f");
  EXPECT_EQ(c.format.kind, ResponseFormat::Kind::JsonSchema);
  EXPECT_EQ(c.format.schema_json, R"({"type":"array"})");
  EXPECT_EQ(c.thinking, true);
  EXPECT_EQ(c.reasoning_effort, "high");
  EXPECT_EQ(c.max_tokens, 7);
  EXPECT_EQ(c.sampling.temperature, 0.5);
  EXPECT_EQ(c.sampling.top_p, 0.9);
  EXPECT_EQ(c.sampling.top_k, 40);
  EXPECT_EQ(c.sampling.min_p, 0.1);
  EXPECT_EQ(c.sampling.seed, 3);
  EXPECT_EQ(c.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(c.sampling.presence_penalty, 0.2);
  EXPECT_EQ(c.sampling.frequency_penalty, 0.3);
  EXPECT_THAT(c.stop, testing::ElementsAre("END"));
  EXPECT_TRUE(c.logprobs);
  EXPECT_EQ(c.top_logprobs, 2);
}

TEST(OllamaParse, NumPredictBelowOneIsNoBound) {
  for (const char* n : {"-2", "-1", "0"}) {
    const Request request = chat(R"({"model":"m","messages":[{"role":"user","content":"a"}],)"
                                 R"("options":{"num_predict":)" +
                                 std::string(n) + R"(,"seed":-1}})");
    EXPECT_FALSE(request.chat.max_tokens) << n;
    EXPECT_FALSE(request.chat.sampling.seed);
  }
}

TEST(OllamaParse, ResultsFindTheirCalls) {
  const Request request = chat(R"({"model":"m","messages":[{"role":"user","content":"?"},
    {"role":"assistant","content":"","tool_calls":[
      {"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"g"}},
      {"id":"x","function":{"name":"f","arguments":{}}}]},
    {"role":"tool","tool_name":"g","content":"2"},{"role":"tool","tool_name":"f","content":"1"},
    {"role":"tool","content":"3"},{"role":"tool","tool_name":"z","content":"4"}]})");
  const auto& turns = request.chat.messages;
  ASSERT_EQ(turns.size(), 6u);
  EXPECT_EQ(turns[1].tool_calls.at(0).arguments, R"({"a":1})");
  EXPECT_EQ(turns[1].tool_calls.at(1).arguments, "{}");
  EXPECT_EQ(turns[2].tool_call_id, "call_1");
  EXPECT_EQ(turns[3].tool_call_id, "call_0");
  EXPECT_EQ(turns[4].tool_call_id, "x");
  EXPECT_EQ(turns[5].tool_call_id, "call_z");
}

TEST(OllamaParse, PicturesComeAsBase64AndAreNeverFetched) {
  const auto with = [](const std::string& image) {
    return parse_chat(R"({"model":"m","messages":[{"role":"user","content":"a","images":[")" +
                      image + R"("]}]})");
  };
  const Request png = chat(
      R"({"model":"m","messages":[{"role":"user","content":"a","images":["iVBORw0KGgoAAAAN"]}]})");
  const auto& parts = png.chat.messages.at(0).parts;
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].image->media_type, "image/png");
  EXPECT_EQ(parts[1].text, "a");
  for (const char* url : {"http://127.0.0.1/a.png", "file:///etc/passwd", "https://x/y"}) {
    EXPECT_EQ(refused(with(url)).message, xc::Message::RemoteImage) << url;
  }
  EXPECT_EQ(refused(with("AAAA")).message, xc::Message::BadImage);
  EXPECT_EQ(refused(with("iVBORw0KGgo*")).message, xc::Message::BadImage);
}

TEST(OllamaParse, GenerateIsAChatOrARawPrompt) {
  const Request plain = generate(R"({"model":"m","prompt":"hi","system":"s","stream":false})");
  EXPECT_FALSE(plain.raw);
  EXPECT_FALSE(plain.stream());
  ASSERT_EQ(plain.chat.messages.size(), 2u);
  EXPECT_EQ(plain.chat.messages[0].role, Role::System);
  const Request raw =
      generate(R"({"model":"m","prompt":"hi","raw":true,"options":{"num_predict":3,"stop":"x"}})");
  ASSERT_TRUE(raw.raw);
  EXPECT_EQ(raw.raw->prompts.at(0).text, "hi");
  EXPECT_EQ(raw.raw->max_tokens, 3);
  EXPECT_FALSE(raw.raw->has_suffix);
  const Request hole = generate(R"({"model":"m","prompt":"a","suffix":"b"})");
  ASSERT_TRUE(hole.raw);
  EXPECT_EQ(hole.raw->suffix, "b");
  EXPECT_GT(hole.raw->max_tokens, 16);
}

TEST(OllamaParse, WhatCannotBeObeyedIsRefused) {
  for (const char* more :
       {R"("context":[1,2])", R"("template":"{{ .Prompt }}")", R"("raw":true,"format":"json")",
        R"("suffix":"b","images":["/9j/AAAA"])"}) {
    const Error error =
        refused(parse_generate(R"({"model":"m","prompt":"a",)" + std::string(more) + "}"));
    EXPECT_EQ(error.message, xc::Message::Unsupported) << more;
  }
  EXPECT_EQ(refused(parse_chat(R"({"model":"m","keep_alive":"soon"})")).param, "keep_alive");
  EXPECT_EQ(refused(parse_chat(R"({"model":"m","options":{"temperature":"hot"}})")).param,
            "options.temperature");
  EXPECT_EQ(refused(parse_chat(R"({"model":"m","messages":[{"role":"wizard"}]})")).param,
            "messages[0].role");
}

TEST(OllamaParse, NothingAskedIsToLoad) {
  EXPECT_TRUE(chat(R"({"model":"m"})").empty);
  EXPECT_TRUE(chat(R"({"model":"m","messages":[],"keep_alive":0})").empty);
  EXPECT_EQ(chat(R"({"model":"m","messages":[],"keep_alive":0})").keep_alive_ms, 0);
  EXPECT_TRUE(generate(R"({"model":"m","prompt":""})").empty);
}

TEST(Ollama, DurationsAsGoWritesThem) {
  EXPECT_EQ(duration_ms_of("5m"), 300'000);
  EXPECT_EQ(duration_ms_of("1h30m"), 5'400'000);
  EXPECT_EQ(duration_ms_of("1.5s"), 1'500);
  EXPECT_EQ(duration_ms_of("250ms"), 250);
  EXPECT_EQ(duration_ms_of("0"), 0);
  EXPECT_EQ(duration_ms_of("300"), 300'000);
  EXPECT_EQ(duration_ms_of("-1"), -1'000);
  EXPECT_EQ(duration_ms_of("-1m"), -60'000);
  for (const char* bad : {"", "-", "m", "5x", "5m3", "1..2s", ".s", "5 m", "1e5s"}) {
    EXPECT_FALSE(duration_ms_of(bad)) << bad;
  }
  EXPECT_FALSE(duration_ms_of("999999999999999999h"));
  EXPECT_EQ(time_of(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(time_of(0), "1970-01-01T00:00:00.000Z");
}

Delta text(std::string content) {
  Delta delta;
  delta.content = std::move(content);
  return delta;
}
Delta call(int index, std::string name, std::string arguments) {
  Delta delta;
  delta.tool_calls.push_back({index, name.empty() ? "" : "id" + name, name, std::move(arguments)});
  return delta;
}
Moment at(int ms) { return {1'700'000'000'000 + ms, std::chrono::milliseconds(ms)}; }
Delta end_with(Finish finish) {
  Delta delta;
  delta.finish = finish;
  return delta;
}
Delta usage_of(std::optional<Timings> timings) {
  Delta delta;
  delta.usage = Usage{11, 3, 0, 0};
  delta.timings = timings;
  return delta;
}

TEST(OllamaAnswer, LinesAndDurations) {
  Answer answer(Kind::Chat, true, "m", std::chrono::milliseconds(5));
  std::string out;
  Delta thought;
  thought.reasoning = "hm";
  answer.add(thought, at(20), out);
  answer.add(text("a\n"), at(30), out);
  answer.add(end_with(Finish::Length), at(31), out);
  answer.add(usage_of(Timings{1, 9.5, 20}), at(31), out);
  EXPECT_EQ(out,
            R"({"model":"m","created_at":"2023-11-14T22:13:20.020Z","message":{"role":"assistant",)"
            R"("content":"","thinking":"hm"},"done":false})"
            "\n"
            R"({"model":"m","created_at":"2023-11-14T22:13:20.030Z","message":{"role":"assistant",)"
            R"("content":"a\n"},"done":false})"
            "\n");
  out.clear();
  answer.finish(at(40), out);
  EXPECT_EQ(out,
            R"({"model":"m","created_at":"2023-11-14T22:13:20.040Z","message":{"role":"assistant",)"
            R"("content":""},"done_reason":"length","done":true,"total_duration":40000000,)"
            R"("load_duration":5000000,"prompt_eval_count":11,"prompt_eval_duration":9500000,)"
            R"("eval_count":3,"eval_duration":20000000})"
            "\n");
}

TEST(OllamaAnswer, AnEndpointWithoutTimesIsMeasured) {
  Answer answer(Kind::Generate, false, "m", std::chrono::milliseconds(5));
  std::string out;
  answer.add(text("a"), at(25), out);
  answer.add(text("b"), at(45), out);
  answer.add(usage_of(std::nullopt), at(45), out);
  EXPECT_EQ(out, "");
  answer.finish(at(50), out);
  EXPECT_THAT(out, HasSubstr(R"("response":"ab","done_reason":"stop","done":true)"));
  EXPECT_THAT(out, HasSubstr(R"("prompt_eval_duration":20000000)"));
  EXPECT_THAT(out, HasSubstr(R"("eval_duration":20000000)"));
  EXPECT_THAT(out, Not(HasSubstr("\n")));
}

TEST(OllamaAnswer, CallsAreToldWholeAndOnce) {
  Answer answer(Kind::Chat, true, "m", {});
  std::string out;
  answer.add(call(0, "f", R"({"a":)"), at(1), out);
  EXPECT_EQ(out, "");
  answer.add(call(0, "", "1}"), at(2), out);
  answer.add(call(1, "g", "[broken"), at(3), out);
  EXPECT_THAT(
      out,
      HasSubstr(
          R"("tool_calls":[{"id":"idf","function":{"index":0,"name":"f","arguments":{"a":1}}}]})"));
  out.clear();
  answer.add(end_with(Finish::ToolCalls), at(4), out);
  answer.finish(at(5), out);
  EXPECT_THAT(out, HasSubstr(R"({"index":1,"name":"g","arguments":{"_raw":"[broken"}})"));
  EXPECT_THAT(out, HasSubstr(R"("done_reason":"stop")"));
  EXPECT_THAT(out, Not(HasSubstr("\"f\"")));
}

TEST(OllamaAnswer, WhatIsWrittenIsJson) {
  const Embeddings vectors{{{0.5f, -1}, {1e-9f, 3}}, 4};
  std::string embed = render_embed("m", vectors);
  append_durations(embed, Duration(7), Duration(0));
  EXPECT_EQ(embed, R"({"model":"m","embeddings":[[0.5,-1],[1e-09,3]],"prompt_eval_count":4,)"
                   R"("total_duration":7,"load_duration":0})");
  EXPECT_EQ(render_embeddings(vectors), R"({"embedding":[0.5,-1]})");
  EXPECT_TRUE(read_json(render_empty(Kind::Chat, "m\"", "load", at(0))));
  Error error{Code::NotFound, xc::Message::NoModel, {"a\"b\n"}, {}, {}, 0};
  EXPECT_TRUE(read_json(render_error(error, Language::En)));
}

}  // namespace
}  // namespace xc::schema::ollama
