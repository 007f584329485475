#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "schema/anthropic.h"
#include "schema/anthropic_parts.h"
#include "schema/json_reader.h"

namespace xc::schema::anthropic {
namespace {

const ReplyHead kHead{"msg_1", "m", 1700000000, "fp"};

Delta text(std::string content) {
  Delta delta;
  delta.content = std::move(content);
  return delta;
}
Delta thought(std::string reasoning) {
  Delta delta;
  delta.reasoning = std::move(reasoning);
  return delta;
}
Delta call(int index, std::string id, std::string name, std::string arguments) {
  Delta delta;
  delta.tool_calls.push_back({index, std::move(id), std::move(name), std::move(arguments)});
  return delta;
}
Delta end(Finish finish, std::string stop_match = {}) {
  Delta delta;
  delta.finish = finish;
  delta.stop_match = std::move(stop_match);
  return delta;
}
Delta spent(Usage usage) {
  Delta delta;
  delta.usage = usage;
  return delta;
}

std::string reply_to(const std::vector<Delta>& deltas, const std::vector<std::string>& stops = {}) {
  Collector answer;
  for (const Delta& delta : deltas) answer.add(delta);
  return render_reply(kHead, answer, stops);
}

constexpr std::string_view kNoUsage =
    R"({"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
    R"("output_tokens":0,"output_tokens_details":{"thinking_tokens":0}})";

TEST(AnthropicRender, WholeReply) {
  EXPECT_EQ(reply_to({thought("hm"), text("he\"y"), call(0, "c1", "f", R"({"a": 1.0})"),
                      call(1, "", "g", ""), end(Finish::ToolCalls),
                      spent({.prompt_tokens = 10,
                             .completion_tokens = 4,
                             .cached_tokens = 7,
                             .reasoning_tokens = 2})}),
            R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[)"
            R"({"type":"thinking","thinking":"hm","signature":""},)"
            R"({"type":"text","text":"he\"y","citations":null},)"
            R"({"type":"tool_use","id":"c1","name":"f","input":{"a": 1.0}},)"
            R"({"type":"tool_use","id":"toolu_1_1","name":"g","input":{}}],)"
            R"("stop_reason":"tool_use","stop_sequence":null,"stop_details":null,)"
            R"("usage":{"input_tokens":3,"cache_creation_input_tokens":0,)"
            R"("cache_read_input_tokens":7,"output_tokens":4,)"
            R"("output_tokens_details":{"thinking_tokens":2}}})");
}

TEST(AnthropicRender, StopReasons) {
  struct Row {
    Delta last;
    std::string expected;
  };
  const Row rows[] = {
      {end(Finish::Stop), R"("stop_reason":"end_turn","stop_sequence":null,"stop_details":null)"},
      {end(Finish::Stop, "END"), R"("stop_reason":"stop_sequence","stop_sequence":"END",)"},
      // an endpoint's own stop, which the caller did not ask for
      {end(Finish::Stop, "<|im_end|>"), R"("stop_reason":"end_turn","stop_sequence":null,)"},
      {end(Finish::Length), R"("stop_reason":"max_tokens",)"},
      {end(Finish::ContentFilter), R"("stop_reason":"refusal","stop_sequence":null,)"
                                   R"("stop_details":{"type":"refusal","category":null,)"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(reply_to({text("a"), row.last}, {"END"}), testing::HasSubstr(row.expected));
  }
  EXPECT_THAT(reply_to({call(0, "c", "f", "{}"), end(Finish::Stop)}),
              testing::HasSubstr(R"("stop_reason":"tool_use")"));
  EXPECT_THAT(reply_to({}), testing::HasSubstr(R"("content":[],"stop_reason":"end_turn")"));
}

TEST(AnthropicRender, StopMatchComesThroughTheWorkersChunks) {
  const auto deltas = parse_chat_chunk(render_chat_chunk(kHead, end(Finish::Stop, "END"), false));
  ASSERT_TRUE(deltas);
  EXPECT_THAT(reply_to(*deltas, {"END"}), testing::HasSubstr(R"("stop_sequence":"END")"));
}

TEST(AnthropicRender, InputIsAlwaysAnObject) {
  const std::pair<std::string, std::string> rows[] = {
      {"", "{}"},
      {" \n", "{}"},
      {"{\"a\":[1,2]}", "{\"a\":[1,2]}"},
      {" {} ", "{}"},
      {"{\"a\":", R"({"_raw":"{\"a\":"})"},
      {"[1]", R"({"_raw":"[1]"})"},
      {"{}{}", R"({"_raw":"{}{}"})"},
      {"{\"a\":\"\xff\"}", "{\"_raw\":\"{\\\"a\\\":\\\"\xEF\xBF\xBD\\\"}\"}"},
  };
  for (const auto& [arguments, expected] : rows) {
    EXPECT_EQ(input_of(arguments), expected);
    EXPECT_TRUE(read_json(input_of(arguments))) << arguments;
  }
}

TEST(AnthropicRender, ErrorsAndCounts) {
  const Error error{Code::Unavailable, xc::Message::ShuttingDown, {}, "secret", {}, 0};
  const std::string en = render_error(error, Language::En, "req_1");
  EXPECT_EQ(en, R"({"type":"error","error":{"type":"overloaded_error","message":)"
                R"("The server is shutting down; retry later."},"request_id":"req_1"})");
  EXPECT_THAT(render_error(error, Language::Zh), testing::HasSubstr(R"("request_id":null)"));
  EXPECT_EQ(render_token_count(12), R"({"input_tokens":12})");
}

// --- events ---

std::string events_of(const std::vector<Delta>& deltas, std::vector<std::string> stops = {}) {
  MessageEvents events(kHead, std::move(stops));
  std::string out;
  auto put = [&](const std::vector<Event>& batch) {
    for (const Event& event : batch) {
      auto value = read_json(event.data);
      EXPECT_TRUE(value && value->is_object()) << event.data;
      EXPECT_EQ(std::string_view(value->at("type").as_string()), event.name);
      out += event.data + "\n";
    }
  };
  put(events.start({}));
  for (const Delta& delta : deltas) put(events.add(delta));
  put(events.finish());
  return out;
}

std::string opening() {
  return R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",)"
         R"("model":"m","content":[],"stop_reason":null,"stop_sequence":null,)"
         R"("stop_details":null,"usage":)" +
         std::string(kNoUsage) + "}}\n" + R"({"type":"ping"})" + "\n";
}
std::string closing(const std::string& reason, std::string_view usage = kNoUsage) {
  return R"({"type":"message_delta","delta":{)" + reason + R"(},"usage":)" + std::string(usage) +
         "}\n" + R"({"type":"message_stop"})" + "\n";
}
std::string block_start(int index, const std::string& block) {
  return R"({"type":"content_block_start","index":)" + std::to_string(index) +
         R"(,"content_block":)" + block + "}\n";
}
std::string block_delta(int index, const std::string& members) {
  return R"({"type":"content_block_delta","index":)" + std::to_string(index) + R"(,"delta":{)" +
         members + "}}\n";
}
std::string block_stop(int index) {
  return R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}\n";
}
const std::string kTextBlock = R"({"type":"text","text":"","citations":null})";
const std::string kThinkingBlock = R"({"type":"thinking","thinking":"","signature":""})";
const std::string kEndTurn = R"("stop_reason":"end_turn","stop_sequence":null,"stop_details":null)";
const std::string kToolUse = R"("stop_reason":"tool_use","stop_sequence":null,"stop_details":null)";

TEST(AnthropicEvents, TextOnly) {
  EXPECT_EQ(events_of({text("你"), text("好"), end(Finish::Stop),
                       spent({.prompt_tokens = 9, .completion_tokens = 2, .cached_tokens = 4})}),
            opening() + block_start(0, kTextBlock) +
                block_delta(0, R"("type":"text_delta","text":"你")") +
                block_delta(0, R"("type":"text_delta","text":"好")") + block_stop(0) +
                closing(kEndTurn, R"({"input_tokens":5,"cache_creation_input_tokens":0,)"
                                  R"("cache_read_input_tokens":4,"output_tokens":2,)"
                                  R"("output_tokens_details":{"thinking_tokens":0}})"));
}

TEST(AnthropicEvents, ThinkingThenText) {
  Delta both = thought("!");
  both.content = "hi";
  EXPECT_EQ(events_of({thought("hm"), both, end(Finish::Stop)}),
            opening() + block_start(0, kThinkingBlock) +
                block_delta(0, R"("type":"thinking_delta","thinking":"hm")") +
                block_delta(0, R"("type":"thinking_delta","thinking":"!")") +
                block_delta(0, R"("type":"signature_delta","signature":"")") + block_stop(0) +
                block_start(1, kTextBlock) + block_delta(1, R"("type":"text_delta","text":"hi")") +
                block_stop(1) + closing(kEndTurn));
}

TEST(AnthropicEvents, TwoParallelCalls) {
  EXPECT_EQ(events_of({text("ok"), call(0, "c1", "f", ""), call(0, "", "", "{\"a\":"),
                       call(0, "", "", "1}"), call(1, "c2", "g", "{}"), end(Finish::ToolCalls)}),
            opening() + block_start(0, kTextBlock) +
                block_delta(0, R"("type":"text_delta","text":"ok")") + block_stop(0) +
                block_start(1, R"({"type":"tool_use","id":"c1","name":"f","input":{}})") +
                block_delta(1, R"("type":"input_json_delta","partial_json":"{\"a\":")") +
                block_delta(1, R"("type":"input_json_delta","partial_json":"1}")") + block_stop(1) +
                block_start(2, R"({"type":"tool_use","id":"c2","name":"g","input":{}})") +
                block_delta(2, R"("type":"input_json_delta","partial_json":"{}")") + block_stop(2) +
                closing(kToolUse));
}

TEST(AnthropicEvents, ArgumentsThatAreNoObject) {
  // nothing was sent yet: the text is kept
  EXPECT_EQ(events_of({call(0, "c", "f", " ye"), call(0, "", "", "s"), end(Finish::ToolCalls)}),
            opening() + block_start(0, R"({"type":"tool_use","id":"c","name":"f","input":{}})") +
                block_delta(0, R"("type":"input_json_delta","partial_json":)"
                               R"("{\"_raw\":\" yes\"}")") +
                block_stop(0) + closing(kToolUse));
  // the beginning was sent: what would break it is left out, since clients throw at it
  EXPECT_EQ(events_of({call(0, "c", "f", "{\"a\": \"b "), call(0, "", "", "\" oops"),
                       call(0, "", "", "}"), end(Finish::ToolCalls)}),
            opening() + block_start(0, R"({"type":"tool_use","id":"c","name":"f","input":{}})") +
                block_delta(0, R"("type":"input_json_delta","partial_json":"{\"a\": \"b ")") +
                block_stop(0) + closing(kToolUse));
}

TEST(AnthropicEvents, LengthFilterAndStopSequence) {
  const std::string head = opening() + block_start(0, kTextBlock) +
                           block_delta(0, R"("type":"text_delta","text":"a")") + block_stop(0);
  EXPECT_EQ(events_of({text("a"), end(Finish::Length)}),
            head + closing(R"("stop_reason":"max_tokens","stop_sequence":null,)"
                           R"("stop_details":null)"));
  EXPECT_EQ(events_of({text("a"), end(Finish::ContentFilter)}),
            head + closing(R"("stop_reason":"refusal","stop_sequence":null,"stop_details":)"
                           R"({"type":"refusal","category":null,"explanation":null})"));
  EXPECT_EQ(events_of({text("a"), end(Finish::Stop, "END")}, {"END"}),
            head + closing(R"("stop_reason":"stop_sequence","stop_sequence":"END",)"
                           R"("stop_details":null)"));
}

TEST(AnthropicEvents, OddStreams) {
  EXPECT_EQ(events_of({}), opening() + closing(kEndTurn));
  Delta other = text("of choice 1");
  other.choice = 1;
  EXPECT_EQ(events_of({other}), opening() + closing(kEndTurn));
  // a fragment of a call whose block is closed is dropped, text after a call opens a new block
  EXPECT_EQ(
      events_of({call(0, "c", "f", "{"), text("a"), call(0, "", "", "}"), end(Finish::ToolCalls)}),
      opening() + block_start(0, R"({"type":"tool_use","id":"c","name":"f","input":{}})") +
          block_delta(0, R"("type":"input_json_delta","partial_json":"{")") + block_stop(0) +
          block_start(1, kTextBlock) + block_delta(1, R"("type":"text_delta","text":"a")") +
          block_stop(1) + closing(kToolUse));
}

TEST(AnthropicEvents, FailureIsAnErrorEvent) {
  const Event event =
      MessageEvents::fail({Code::Upstream, xc::Message::WorkerLost, {}, {}, {}, 0}, Language::En);
  EXPECT_EQ(event.name, "error");
  EXPECT_EQ(event.data, R"({"type":"error","error":{"type":"api_error","message":)"
                        R"("The model process broke off; please retry."},"request_id":null})");
}

}  // namespace
}  // namespace xc::schema::anthropic
