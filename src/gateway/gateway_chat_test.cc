// The chat-like routes, when all goes well.
#include "gateway/gateway_test.h"
#include "schema/chat.h"

namespace xc::gateway {
namespace {

TEST_F(GatewayTest, chat_whole) {
  const Reply reply = post("/v1/chat/completions", chat_body("你好，世界"));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.at("/object"), "chat.completion");
  EXPECT_EQ(reply.at("/model"), "f");  // as the caller named it
  EXPECT_EQ(reply.at("/choices/0/message/content"), "你好，世界");
  EXPECT_EQ(reply.at("/choices/0/finish_reason"), "stop");
  EXPECT_EQ(reply.at("/usage/prompt_tokens"), "5");
  EXPECT_TRUE(reply.at("/id").starts_with("chatcmpl-"));
  EXPECT_TRUE(reply.at("/system_fingerprint").starts_with("xingcha-1.2.3-"));
  EXPECT_EQ(reply.headers.get("Content-Type"), "application/json");
  EXPECT_TRUE(reply.headers.get("X-Request-Id").starts_with("req_"));
}

TEST_F(GatewayTest, chat_stream) {
  const Reply reply = post("/v1/chat/completions", chat_body("hello there", R"(,"stream":true)"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.get("Content-Type"), "text/event-stream");
  const auto events = reply.events();
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events.back().data, "[DONE]");
  std::string text;
  std::string id;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const Reply chunk{200, {}, events[i].data};
    EXPECT_EQ(chunk.at("/object"), "chat.completion.chunk");
    if (i == 0) id = chunk.at("/id");
    EXPECT_EQ(chunk.at("/id"), id);
    EXPECT_EQ(chunk.at("/choices/0/delta/role"), i == 0 ? "assistant" : "(nothing)");
    EXPECT_EQ(chunk.at("/usage"), "(nothing)");  // nobody asked for it
    const std::string piece = chunk.at("/choices/0/delta/content");
    if (piece != "(nothing)") text += piece;
  }
  EXPECT_EQ(text, "hello there");
}

// The fake engine says what it is asked, a few bytes at a time.
TEST_F(GatewayTest, citations_survive_streams) {
  const std::string said = "[citation:1] 晴[citation:12][citation:3]。";
  std::string text;
  for (const auto& event :
       post("/v1/chat/completions", chat_body(said, R"(,"stream":true)")).events()) {
    if (event.data == "[DONE]") continue;
    const std::string piece = Reply{200, {}, event.data}.at("/choices/0/delta/content");
    if (piece != "(nothing)") text += piece;
  }
  EXPECT_EQ(text, said);
  const std::string body =
      R"({"model":"fake","max_tokens":60,"stream":true,"messages":[{"role":"user","content":")";
  text.clear();
  for (const auto& event : post("/v1/messages", body + said + R"("}]})").events()) {
    const std::string piece = Reply{200, {}, event.data}.at("/delta/text");
    if (piece != "(nothing)") text += piece;
  }
  EXPECT_EQ(text, said);
}

TEST_F(GatewayTest, files_are_part_of_the_question) {
  const std::string more = R"(,"files":[{"name":"a","content":"b"}])";
  EXPECT_EQ(post("/v1/chat/completions", chat_body("c?", more)).at("/choices/0/message/content"),
            "[file name]: a\n[file content begin]\nb\n[file content end]\nc?");
  const Reply nobody = post(
      "/v1/chat/completions",
      R"({"model":"f","messages":[{"role":"system","content":"x"}],"files":[{"name":"a","content":"b"}]})");
  EXPECT_EQ(nobody.status, 400) << nobody.body;
}

TEST_F(GatewayTest, usage_comes_alone_and_last_when_asked) {
  const std::string more = R"(,"stream":true,"stream_options":{"include_usage":true})";
  const auto events = post("/v1/chat/completions", chat_body("hi", more)).events();
  ASSERT_GE(events.size(), 2u);
  const Reply last{200, {}, events[events.size() - 2].data};
  EXPECT_EQ(last.at("/choices"), "[]");
  EXPECT_EQ(last.at("/usage/prompt_tokens"), "2");
}

TEST_F(GatewayTest, several_choices_thoughts_and_tools) {
  const Reply two = post("/v1/chat/completions", chat_body("ab", R"(,"n":2)"));
  EXPECT_EQ(two.at("/choices/1/message/content"), "ab");
  const Reply thought = post("/v1/chat/completions", chat_body("think first"));
  EXPECT_EQ(thought.at("/choices/0/message/reasoning_content"), "hm");
  EXPECT_EQ(thought.at("/choices/0/message/content"), "yes");
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object"}}}])";
  const Reply called = post("/v1/chat/completions", chat_body("use the tool", tools));
  EXPECT_EQ(called.at("/choices/0/finish_reason"), "tool_calls");
  EXPECT_EQ(called.at("/choices/0/message/tool_calls/0/function/name"), "add");
  EXPECT_EQ(called.at("/choices/0/message/tool_calls/0/function/arguments"), R"({"a":1})");
}

// A call that cannot be read is text, and said to be: by the header of a whole reply, by a field of
// each stream's shape. A good call says nothing of the kind.
TEST_F(GatewayTest, a_call_that_cannot_be_read_is_text_with_a_warning) {
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object"}}}])";
  const std::string garbled = chat_body("garble the tool", tools);
  const Reply whole = post("/v1/chat/completions", garbled);
  EXPECT_EQ(whole.at("/choices/0/message/content"), "<tool_call>{");
  EXPECT_EQ(whole.at("/choices/0/finish_reason"), "stop");
  EXPECT_EQ(whole.headers.get("X-Xingcha-Warning"), schema::kUnreadCall);
  const std::string asked =
      R"("model":"fake","max_tokens":50,"messages":[{"role":"user","content":"garble the tool"}])";
  EXPECT_EQ(post("/v1/messages", "{" + asked + "}").headers.get("X-Xingcha-Warning"),
            schema::kUnreadCall);
  const std::string input = R"({"model":"fake","input":"garble the tool")";
  EXPECT_EQ(post("/v1/responses", input + "}").headers.get("X-Xingcha-Warning"),
            schema::kUnreadCall);
  const Reply good = post("/v1/chat/completions", chat_body("use the tool", tools));
  EXPECT_EQ(good.headers.get("X-Xingcha-Warning"), "");
  EXPECT_EQ(good.body.find("\"warning\""), std::string::npos);

  // Where each stream says it: (path, body, event, pointer).
  struct Stream {
    std::string path, body, event, pointer;
  };
  for (const Stream& shape :
       {Stream{"/v1/chat/completions", chat_body("garble the tool", tools + R"(,"stream":true)"),
               "", "/choices/0/warning"},
        Stream{"/v1/messages", "{" + asked + R"(,"stream":true})", "message_delta", "/warning"},
        Stream{"/v1/responses", input + R"(,"stream":true})", "response.completed",
               "/response/warning"}}) {
    int said = 0;
    for (const auto& event : post(shape.path, shape.body).events()) {
      if (event.data == "[DONE]" || event.event != shape.event) continue;
      said += Reply{200, {}, event.data}.at(shape.pointer) == schema::kUnreadCall ? 1 : 0;
    }
    EXPECT_EQ(said, 1) << shape.path;
  }
  const auto fine =
      post("/v1/chat/completions", chat_body("use the tool", tools + R"(,"stream":true)"));
  EXPECT_EQ(fine.body.find("\"warning\""), std::string::npos);
}

TEST_F(GatewayTest, completions) {
  const Reply whole =
      post("/v1/completions", R"({"model":"fake","prompt":["ab","cd"],"echo":true})");
  EXPECT_EQ(whole.status, 200) << whole.body;
  EXPECT_EQ(whole.at("/object"), "text_completion");
  EXPECT_EQ(whole.at("/choices/1/text"), "cdcd");
  EXPECT_TRUE(whole.at("/id").starts_with("cmpl-"));
  const std::string streamed = R"({"model":"fake","prompt":"abc","stream":true,)"
                               R"("stream_options":{"include_usage":true}})";
  const auto events = post("/v1/completions", streamed).events();
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events.back().data, "[DONE]");
  const Reply usage{200, {}, events[events.size() - 2].data};
  EXPECT_EQ(usage.at("/usage/prompt_tokens"), "3");
}

std::vector<std::string> names_of(const std::vector<net::SseEvent>& events) {
  std::vector<std::string> names;
  for (const net::SseEvent& event : events) {
    if (names.empty() || names.back() != event.event) names.push_back(event.event);
  }
  return names;
}

TEST_F(GatewayTest, anthropic_messages) {
  const std::string body =
      R"({"model":"fake","max_tokens":50,"messages":[{"role":"user","content":"hello"}])";
  const Reply whole = post("/v1/messages", body + "}");
  EXPECT_EQ(whole.status, 200) << whole.body;
  EXPECT_EQ(whole.at("/type"), "message");
  EXPECT_EQ(whole.at("/content/0/text"), "hello");
  EXPECT_EQ(whole.at("/stop_reason"), "end_turn");
  EXPECT_EQ(whole.headers.get("request-id"), whole.headers.get("X-Request-Id"));
  const std::vector<std::string> expected{
      "message_start",      "ping",          "content_block_start", "content_block_delta",
      "content_block_stop", "message_delta", "message_stop"};
  EXPECT_EQ(names_of(post("/v1/messages", body + R"(,"stream":true})").events()), expected);
  const std::string thinks = R"({"model":"fake","max_tokens":50,"stream":true,)"
                             R"("messages":[{"role":"user","content":"think first"}]})";
  int blocks = 0;
  for (const auto& event : post("/v1/messages", thinks).events()) {
    blocks += event.event == "content_block_start" ? 1 : 0;
  }
  EXPECT_EQ(blocks, 2);
}

TEST_F(GatewayTest, anthropic_streams_begin_with_the_length_of_the_prompt) {
  const auto events = post("/v1/messages", R"({"model":"fake","max_tokens":50,"stream":true,)"
                                           R"("messages":[{"role":"user","content":"hello"}]})")
                          .events();
  ASSERT_FALSE(events.empty());
  const Reply first{200, {}, events[0].data};
  EXPECT_EQ(first.at("/type"), "message_start");
  EXPECT_EQ(first.at("/message/usage/input_tokens"), "5");
}

TEST_F(GatewayTest, anthropic_count_tokens) {
  const Reply reply = post("/v1/messages/count_tokens",
                           R"({"model":"fake","messages":[{"role":"user","content":"four"}]})");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.at("/input_tokens"), "4");
}

TEST_F(GatewayTest, responses) {
  const Reply whole = post("/v1/responses", R"({"model":"fake","input":"hello"})");
  EXPECT_EQ(whole.status, 200) << whole.body;
  EXPECT_EQ(whole.at("/object"), "response");
  EXPECT_EQ(whole.at("/status"), "completed");
  EXPECT_EQ(whole.at("/output/0/content/0/text"), "hello");
  EXPECT_EQ(whole.at("/store"), "false");
  const auto events =
      post("/v1/responses", R"({"model":"fake","input":"hello","stream":true})").events();
  const std::vector<std::string> expected{
      "response.created",           "response.in_progress",
      "response.output_item.added", "response.content_part.added",
      "response.output_text.delta", "response.output_text.done",
      "response.content_part.done", "response.output_item.done",
      "response.completed"};
  EXPECT_EQ(names_of(events), expected);
  const Reply stored = get("/v1/responses/resp_1");
  EXPECT_EQ(stored.status, 404);
  EXPECT_NE(stored.body.find("resp_1"), std::string::npos);
}

TEST_F(GatewayTest, telechats_own_contract) {
  const std::string dialog = R"("dialog":[{"role":"user","content":"hello"}])";
  const std::string named = R"({"model":"fake",)" + dialog;
  const Reply text = post("/telechat/gptDialog/v2", named + "}");
  EXPECT_EQ(text.status, 200) << text.body;
  EXPECT_EQ(text.body, "hello");
  EXPECT_TRUE(text.headers.get("Content-Type").starts_with("text/plain"));
  EXPECT_FALSE(text.headers.get("X-Xingcha-Receipt").empty());
  const Reply whole = post("/telechat/gptDialog/v4", named + "}", {{"X-Request-Id", "mine"}});
  EXPECT_EQ(whole.status, 200) << whole.body;
  EXPECT_EQ(whole.at("/seqid"), "mine");
  EXPECT_EQ(whole.at("/flag"), "1");
  EXPECT_EQ(whole.at("/data/content"), "hello");
  EXPECT_EQ(whole.at("/content"), "hello");
  // Several models, none of them a TeleChat.
  const Reply which = post("/telechat/gptDialog/v4", "{" + dialog + "}");
  EXPECT_EQ(which.status, 400);
  EXPECT_EQ(which.at("/code"), "10301");
  licence_ = "LicenseRef-TeleChat";  // t1-35b has no "telechat" in its name
  EXPECT_EQ(post("/telechat/gptDialog/v4", "{" + dialog + "}").at("/data/content"), "hello");
  for (const char* path : {"/telechat/gptDialog/v2", "/telechat/gptDialog/v4"}) {
    EXPECT_EQ(post(path, named + R"(,"top_p":1})").at("/code"), "10305");
    EXPECT_EQ(post(path, R"({"model":"fake","dialog":[{"role":"bot","content":"x"}]})").at("/code"),
              "10904");
    const Reply absent = post(path, R"({"model":"absent",)" + dialog + "}");
    EXPECT_EQ(absent.at("/code"), "10903") << absent.body;
    EXPECT_GE(absent.status, 400);
  }
}

TEST_F(GatewayTest, inquiries) {
  const Reply floats = post("/v1/embeddings", R"({"model":"f","input":["ab","cd"]})");
  EXPECT_EQ(floats.status, 200) << floats.body;
  EXPECT_EQ(floats.json().at("data").at(1).at("embedding").as_array().size(), 8u);
  EXPECT_EQ(floats.at("/model"), "f");
  EXPECT_EQ(floats.at("/usage/prompt_tokens"), "4");
  const Reply base64 =
      post("/v1/embeddings", R"({"model":"f","input":"ab","encoding_format":"base64"})");
  EXPECT_EQ(base64.at("/data/0/embedding").size(), 44u);  // 32 bytes
  for (const char* path : {"/v1/rerank", "/rerank"}) {
    const Reply ranked = post(path, R"({"model":"f","query":"abc","documents":["xyz","abc"]})");
    EXPECT_EQ(ranked.status, 200) << ranked.body;
    EXPECT_EQ(ranked.at("/results/0/index"), "1");
  }
  const Reply tokens = post("/tokenize", R"({"model":"f","content":"星A"})");
  EXPECT_EQ(tokens.at("/tokens"), "[26143,65]");
  const Reply text = post("/detokenize", R"({"model":"f","tokens":[26143,65]})");
  EXPECT_EQ(text.at("/content"), "星A");
}

}  // namespace
}  // namespace xc::gateway
