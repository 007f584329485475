#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "schema/json_reader.h"
#include "schema/responses.h"

namespace xc::schema::responses {
namespace {

const ReplyHead kHead{"resp_1", "m", 1700000000, "fp"};

ResponsesRequest request() {
  ResponsesRequest out;
  out.echo_json = R"({"tools":[]})";
  return out;
}

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
Delta end(Finish finish) {
  Delta delta;
  delta.finish = finish;
  return delta;
}
Delta spent() {
  Delta delta;
  delta.usage =
      Usage{.prompt_tokens = 9, .completion_tokens = 5, .cached_tokens = 4, .reasoning_tokens = 2};
  return delta;
}

constexpr std::string_view kUsage =
    R"({"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},)"
    R"("output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":14})";

std::string response(const std::string& status, const std::string& output,
                     std::string_view usage = "null", const std::string& details = "null",
                     const std::string& error = "null") {
  return R"({"id":"resp_1","object":"response","created_at":1700000000,"status":")" + status +
         R"(","error":)" + error + R"(,"incomplete_details":)" + details +
         R"(,"model":"m","output":[)" + output + R"(],"usage":)" + std::string(usage) +
         R"(,"store":false,"background":false,"previous_response_id":null,"tools":[]})";
}
std::string part(const std::string& content, const std::string& logprobs = "[]") {
  return R"({"type":"output_text","text":")" + content + R"(","annotations":[],"logprobs":)" +
         logprobs + "}";
}
std::string message(const std::string& id, const std::string& parts, const std::string& status) {
  return R"({"id":")" + id + R"(","type":"message","role":"assistant","content":[)" + parts +
         R"(],"status":")" + status + R"("})";
}
std::string reasoning(const std::string& id, const std::string& parts, const std::string& status) {
  return R"({"id":")" + id + R"(","type":"reasoning","summary":[],"content":[)" + parts +
         R"(],"status":")" + status + R"("})";
}
std::string function_call(const std::string& id, const std::string& members,
                          const std::string& status) {
  return R"({"id":")" + id + R"(","type":"function_call",)" + members + R"(,"status":")" + status +
         R"("})";
}

TEST(ResponsesRender, WholeReply) {
  Collector answer;
  for (const Delta& delta : {thought("hm"), text("hi"), call(0, "c1", "f", R"({"a":1})"),
                             call(1, "", "g", "{}"), end(Finish::ToolCalls), spent()}) {
    answer.add(delta);
  }
  EXPECT_EQ(
      render_reply(kHead, request(), answer),
      response("completed",
               reasoning("rs_1_0", R"({"type":"reasoning_text","text":"hm"})", "completed") + "," +
                   message("msg_1_1", part("hi"), "completed") + "," +
                   function_call("fc_1_2", R"("call_id":"c1","name":"f","arguments":"{\"a\":1}")",
                                 "completed") +
                   "," +
                   function_call("fc_1_3", R"("call_id":"call_1_1","name":"g","arguments":"{}")",
                                 "completed"),
               kUsage));
}

TEST(ResponsesRender, IncompleteAndEmpty) {
  Collector cut;
  cut.add(text("a"));
  cut.add(end(Finish::Length));
  cut.add(spent());
  EXPECT_EQ(render_reply(kHead, request(), cut),
            response("incomplete", message("msg_1_0", part("a"), "incomplete"), kUsage,
                     R"({"reason":"max_output_tokens"})"));
  Collector filtered;
  filtered.add(end(Finish::ContentFilter));
  filtered.add(spent());
  EXPECT_EQ(render_reply(kHead, request(), filtered),
            response("incomplete", "", kUsage, R"({"reason":"content_filter"})"));
}

// The events' data, one a line; every one is checked for its name and its number.
std::string events_of(const std::vector<Delta>& deltas) {
  ResponseEvents events(kHead, request());
  std::string out;
  std::int64_t number = 0;
  auto put = [&](const std::vector<Event>& batch) {
    for (const Event& event : batch) {
      const auto value = read_json(event.data);
      if (!value || !value->is_object()) {
        ADD_FAILURE() << event.data;
        continue;
      }
      EXPECT_EQ(std::string_view(value->at("type").as_string()), event.name);
      EXPECT_EQ(value->at("sequence_number").as_int64(), number++);
      const std::string start = R"({"type":")" + event.name + R"(","sequence_number":)" +
                                std::to_string(number - 1) + ",";
      EXPECT_TRUE(event.data.starts_with(start)) << event.data;
      out +=
          event.name + " " + event.data.substr(start.size(), event.data.size() - start.size() - 1);
      out += '\n';
    }
  };
  put(events.start());
  for (const Delta& delta : deltas) put(events.add(delta));
  put(events.finish());
  return out;
}

std::string opening() {
  const std::string open = R"("response":)" + response("in_progress", "") + "\n";
  return "response.created " + open + "response.in_progress " + open;
}
std::string closing(const std::string& whole, const std::string& name = "completed") {
  return "response." + name + R"( "response":)" + whole + "\n";
}
std::string item_event(const std::string& verb, int index, const std::string& item) {
  return "response.output_item." + verb + R"( "output_index":)" + std::to_string(index) +
         R"(,"item":)" + item + "\n";
}
std::string place(const std::string& id, int index, bool in_part = true) {
  return R"("item_id":")" + id + R"(","output_index":)" + std::to_string(index) +
         (in_part ? R"(,"content_index":0)" : "");
}
std::string event(const std::string& name, const std::string& members) {
  return "response." + name + " " + members + "\n";
}

// The events of one message item whose text comes in one delta.
std::string message_events(const std::string& id, int index, const std::string& content,
                           const std::string& status = "completed") {
  const std::string at = place(id, index);
  return item_event("added", index, message(id, "", "in_progress")) +
         event("content_part.added", at + R"(,"part":)" + part("")) +
         event("output_text.delta", at + R"(,"delta":")" + content + R"(","logprobs":[])") +
         event("output_text.done", at + R"(,"text":")" + content + R"(","logprobs":[])") +
         event("content_part.done", at + R"(,"part":)" + part(content)) +
         item_event("done", index, message(id, part(content), status));
}

TEST(ResponsesEvents, TextOnly) {
  EXPECT_EQ(
      events_of({text("好"), end(Finish::Stop), spent()}),
      opening() + message_events("msg_1_0", 0, "好") +
          closing(response("completed", message("msg_1_0", part("好"), "completed"), kUsage)));
}

TEST(ResponsesEvents, ThinkingThenText) {
  const std::string at = place("rs_1_0", 0);
  const std::string empty = R"({"type":"reasoning_text","text":""})";
  const std::string full = R"({"type":"reasoning_text","text":"hm!"})";
  const std::string item = reasoning("rs_1_0", full, "completed");
  EXPECT_EQ(
      events_of({thought("hm"), thought("!"), text("hi"), end(Finish::Stop), spent()}),
      opening() + item_event("added", 0, reasoning("rs_1_0", "", "in_progress")) +
          event("content_part.added", at + R"(,"part":)" + empty) +
          event("reasoning_text.delta", at + R"(,"delta":"hm")") +
          event("reasoning_text.delta", at + R"(,"delta":"!")") +
          event("reasoning_text.done", at + R"(,"text":"hm!")") +
          event("content_part.done", at + R"(,"part":)" + full) + item_event("done", 0, item) +
          message_events("msg_1_1", 1, "hi") +
          closing(response("completed", item + "," + message("msg_1_1", part("hi"), "completed"),
                           kUsage)));
}

TEST(ResponsesEvents, TwoParallelCalls) {
  const std::string first =
      function_call("fc_1_0", R"("call_id":"c1","name":"f","arguments":"{\"a\":1}")", "completed");
  const std::string second =
      function_call("fc_1_1", R"("call_id":"call_1_1","name":"g","arguments":"")", "completed");
  EXPECT_EQ(
      events_of({call(0, "c1", "f", ""), call(0, "", "", "{\"a\":"), call(0, "", "", "1}"),
                 call(1, "", "g", ""), end(Finish::ToolCalls), spent()}),
      opening() +
          item_event("added", 0,
                     function_call("fc_1_0", R"("call_id":"c1","name":"f","arguments":"")",
                                   "in_progress")) +
          event("function_call_arguments.delta",
                place("fc_1_0", 0, false) + R"(,"delta":"{\"a\":")") +
          event("function_call_arguments.delta", place("fc_1_0", 0, false) + R"(,"delta":"1}")") +
          event("function_call_arguments.done",
                place("fc_1_0", 0, false) + R"(,"name":"f","arguments":"{\"a\":1}")") +
          item_event("done", 0, first) +
          item_event("added", 1,
                     function_call("fc_1_1", R"("call_id":"call_1_1","name":"g","arguments":"")",
                                   "in_progress")) +
          event("function_call_arguments.done",
                place("fc_1_1", 1, false) + R"(,"name":"g","arguments":"")") +
          item_event("done", 1, second) +
          closing(response("completed", first + "," + second, kUsage)));
}

TEST(ResponsesEvents, LengthAndFilter) {
  const std::string item = message("msg_1_0", part("a"), "incomplete");
  const std::string head = opening() + message_events("msg_1_0", 0, "a", "incomplete");
  EXPECT_EQ(
      events_of({text("a"), end(Finish::Length), spent()}),
      head + closing(response("incomplete", item, kUsage, R"({"reason":"max_output_tokens"})"),
                     "incomplete"));
  EXPECT_EQ(events_of({text("a"), end(Finish::ContentFilter), spent()}),
            head + closing(response("incomplete", item, kUsage, R"({"reason":"content_filter"})"),
                           "incomplete"));
}

TEST(ResponsesEvents, Logprobs) {
  Delta delta = text("hi");
  delta.logprobs.push_back({{"hi", -0.5}, {{"ho", -1.5}}});
  const std::string entry = R"([{"token":"hi","logprob":-0.5,"bytes":[104,105],"top_logprobs":)"
                            R"([{"token":"ho","logprob":-1.5,"bytes":[104,111]}]}])";
  const std::string events = events_of({delta, end(Finish::Stop)});
  EXPECT_THAT(events, testing::HasSubstr(R"("delta":"hi","logprobs":)" + entry));
  EXPECT_THAT(events, testing::HasSubstr(R"("text":"hi","logprobs":)" + entry));
  EXPECT_THAT(events, testing::HasSubstr(part("hi", entry)));
}

TEST(ResponsesEvents, OddStreams) {
  const std::string none =
      R"({"input_tokens":0,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},)"
      R"("output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0})";
  EXPECT_EQ(events_of({}), opening() + closing(response("completed", "", none)));
  Delta other = text("of choice 1");
  other.choice = 1;
  EXPECT_EQ(events_of({other}), opening() + closing(response("completed", "", none)));
}

TEST(ResponsesEvents, FailureKeepsWhatWasDone) {
  struct Row {
    Code code;
    std::string name;
  };
  const Row rows[] = {{Code::Upstream, "server_error"},
                      {Code::RateLimited, "rate_limit_exceeded"},
                      {Code::ContextExceeded, "invalid_prompt"}};
  for (const Row& row : rows) {
    ResponseEvents events(kHead, request());
    events.start();
    events.add(thought("hm"));
    events.add(text("a"));
    const auto failed =
        events.fail({row.code, xc::Message::WorkerLost, {}, {}, {}, 0}, Language::En);
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0].name, "response.failed");
    EXPECT_THAT(
        failed[0].data,
        testing::HasSubstr(response(
            "failed", reasoning("rs_1_0", R"({"type":"reasoning_text","text":"hm"})", "completed"),
            "null", "null",
            R"({"code":")" + row.name +
                R"(","message":"The model process broke off; please retry."})")));
  }
}

}  // namespace
}  // namespace xc::schema::responses
