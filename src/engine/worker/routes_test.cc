// The worker's HTTP side over the fake engine, through a real Unix socket.
#include "engine/worker/routes.h"

#include <gtest/gtest.h>

#include "engine/fake_engine.h"
#include "net/net_test.h"
#include "net/sse.h"
#include "schema/openai.h"

namespace xc::engine {
namespace {

struct Reply {
  int status = 0;
  net::Headers headers;
  std::string body;
};

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    FakeOptions options;
    options.context = 100;
    FakeScript script;
    script.trigger = "for ever";
    schema::Delta delta;
    delta.content = "x";
    script.deltas = {delta};
    script.endless = true;
    options.scripts.push_back(script);
    script.trigger = "break";
    script.endless = false;
    script.error = Error{Code::Unavailable, Message::ShuttingDown, {}, {}, {}, 0};
    options.scripts.push_back(script);
    engine_ = std::make_unique<FakeEngine>(options);
    net::ServerOptions at;
    at.address = "unix:" + folder_.file("socket");
    server_ = std::make_unique<net::RunningServer>(loops_, at, routes_.handler());
  }
  ~WorkerTest() override {
    server_.reset();
    loops_.stop();
  }

  Reply send(std::string method, std::string path, std::string body = "",
             std::string deadline_ms = "", std::string resume = "") {
    return loops_.run([&]() -> Task<Reply> {
      net::ClientRequest request;
      request.method = method;
      request.target = path;
      request.body = body;
      if (!resume.empty()) {
        request.headers.set("X-Xingcha-Resume", std::to_string(resume.size()));
        request.body = resume + body;
      }
      if (!deadline_ms.empty()) request.headers.set("X-Xingcha-Deadline", deadline_ms);
      const net::Origin origin = server_->origin();
      const Deadline deadline = Deadline::after(std::chrono::seconds(10));
      auto reply = co_await client_.send(origin, std::move(request), deadline);
      if (!reply) co_return Reply{};
      auto whole = co_await (*reply)->read_all(1 << 20, deadline);
      EXPECT_TRUE(whole);
      co_return Reply{(*reply)->status(), (*reply)->headers(), whole ? *whole : ""};
    });
  }
  static std::string chat(std::string text, std::string more = "") {
    return R"({"model":"m","messages":[{"role":"user","content":")" + text + R"("}])" + more + "}";
  }

  net::TempDir folder_;
  net::Loops loops_{1};
  std::unique_ptr<FakeEngine> engine_;
  Routes routes_{loops_.runtime, "m"};
  net::Client client_{loops_.runtime};
  std::unique_ptr<net::RunningServer> server_;
};

TEST_F(WorkerTest, is_loading_then_ready_then_draining) {
  EXPECT_EQ(send("GET", "/healthz").status, 200);
  EXPECT_EQ(send("GET", "/readyz").body, R"({"state":"loading"})");
  const Reply early = send("POST", "/v1/chat/completions", chat("x"));
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.headers.get("Retry-After"), "1");
  routes_.ready(*engine_);
  EXPECT_EQ(send("GET", "/readyz").status, 200);
  routes_.drain();
  EXPECT_EQ(send("GET", "/readyz").status, 503);
  EXPECT_EQ(send("POST", "/v1/chat/completions", chat("x")).status, 200);
}

TEST_F(WorkerTest, an_echoed_prompt_has_scores_but_the_first) {
  routes_.ready(*engine_);
  const std::string question =
      R"({"model":"m","prompt":"星abc","max_tokens":0,"echo":true,"logprobs":1)";
  const Reply whole = send("POST", "/v1/completions", question + "}");
  const std::string scores =
      R"("logprobs":{"tokens":["星","a","b","c"],"token_logprobs":[null,-0.25,-0.25,-0.25],)"
      R"("top_logprobs":[null,{"a":-0.25},{"b":-0.25},{"c":-0.25}],"text_offset":[0,1,2,3]})";
  EXPECT_NE(whole.body.find(scores), std::string::npos) << whole.body;
  EXPECT_NE(whole.body.find(R"("completion_tokens":0)"), std::string::npos);
  const Reply stream = send("POST", "/v1/completions", question + R"(,"stream":true})");
  EXPECT_NE(stream.body.find(scores), std::string::npos) << stream.body;
}

TEST_F(WorkerTest, streams_and_collects) {
  routes_.ready(*engine_);
  const Reply whole = send("POST", "/v1/chat/completions", chat("hello"));
  EXPECT_NE(whole.body.find(R"("content":"hello")"), std::string::npos) << whole.body;
  EXPECT_EQ(whole.headers.get("X-Xingcha-Digest"), "fa4e0000fa4e");
  const std::string more = R"(,"stream":true,"stream_options":{"include_usage":true})";
  const Reply stream = send("POST", "/v1/chat/completions", chat("hello", more));
  net::SseReader reader;
  EXPECT_TRUE(reader.feed(stream.body));
  schema::Collector collected;
  std::string last;
  while (auto event = reader.next()) {
    last = event->data;
    if (last == "[DONE]") break;
    const auto deltas = schema::parse_chat_chunk(last);
    ASSERT_TRUE(deltas) << last;
    for (const auto& delta : *deltas) collected.add(delta);
  }
  EXPECT_EQ(last, "[DONE]");
  EXPECT_EQ(collected.choices().at(0).content, "hello");
  EXPECT_EQ(collected.usage().prompt_tokens, 5);
}

TEST_F(WorkerTest, errors_keep_their_identity) {
  routes_.ready(*engine_);
  const Reply early = send("POST", "/v1/chat/completions", chat(std::string(200, 'x')));
  EXPECT_EQ(early.status, 400);
  const Error error = schema::parse_error(early.status, early.body);
  EXPECT_EQ(error.message, Message::PromptTooLong);
  EXPECT_EQ(error.args, (std::vector<std::string>{"200", "100"}));
  const Reply late = send("POST", "/v1/chat/completions", chat("break", R"(,"stream":true)"));
  EXPECT_EQ(late.status, 200);
  EXPECT_NE(late.body.find(R"("content":"x")"), std::string::npos);
  EXPECT_NE(late.body.find("ShuttingDown"), std::string::npos);
  EXPECT_EQ(late.body.find("[DONE]"), std::string::npos);
  EXPECT_EQ(send("GET", "/nothing").status, 404);
}

TEST_F(WorkerTest, a_client_that_leaves_cancels) {
  routes_.ready(*engine_);
  net::RawClient client(server_->address());
  const std::string body = chat("for ever", R"(,"stream":true)");
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  client.read_until("\"x\"");
  EXPECT_EQ(engine_->stats().running, 1);
  client.close();
  EXPECT_TRUE(net::eventually([this] { return engine_->stats().requests_cancelled == 1; }));
}

TEST_F(WorkerTest, hands_over_and_goes_on_with_what_another_left) {
  routes_.ready(*engine_);
  net::RawClient client(server_->address());
  const std::string body = chat("for ever", R"(,"stream":true)");
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  client.read_until("\"x\"");
  EXPECT_EQ(send("POST", "/internal/handover").body, R"({"handing_over":true})");
  EXPECT_EQ(send("GET", "/readyz").status, 503);
  const std::string rest = client.read_until("0\r\n\r\n");
  EXPECT_NE(rest.find("event: handover\ndata: {\"model\":\"fa4e0000fa4e0000\""), std::string::npos);
  EXPECT_EQ(rest.find("[DONE]"), std::string::npos);
  // Who comes too late has nothing yet; who wants it whole is told to ask another.
  const Reply late = send("POST", "/v1/chat/completions", chat("hello", R"(,"stream":true)"));
  EXPECT_NE(late.body.find(R"("choices":[])"), std::string::npos) << late.body;
  const Reply whole = send("POST", "/v1/chat/completions", chat("hello"));
  EXPECT_EQ(schema::parse_error(whole.status, whole.body).message, Message::ShuttingDown);

  FakeOptions options;
  options.seed = 1;
  FakeEngine next(options);
  routes_.ready(next);
  const std::string said_two =
      R"({"model":"fa4e0000fa4e0000","parts":[{"cached_tokens":0,"choices":[)"
      R"({"tokens":[0,1],"generated":2,"finished":false}]}]})";
  const Reply all = send("POST", "/v1/chat/completions", chat("one two three four"));
  const Reply end = send("POST", "/v1/chat/completions", chat("one two three four"), "", said_two);
  const auto content = [](const Reply& reply) {
    const std::size_t at = reply.body.find(R"("content":")") + 11;
    return reply.body.substr(at, reply.body.find('"', at) - at);
  };
  EXPECT_TRUE(content(all).ends_with(content(end))) << end.body;
  EXPECT_LT(content(end).size(), content(all).size());
  const std::string usage = R"("usage":)";
  EXPECT_EQ(all.body.substr(all.body.find(usage)), end.body.substr(end.body.find(usage)));
}

TEST_F(WorkerTest, what_is_no_handover_is_refused) {
  routes_.ready(*engine_);
  EXPECT_EQ(send("POST", "/v1/chat/completions", chat("x"), "", "{}").status, 502);
  const std::string other = R"({"model":"another","parts":[{"cached_tokens":0,"choices":[]}]})";
  EXPECT_EQ(send("POST", "/v1/chat/completions", chat("x"), "", other).status, 502);
  EXPECT_EQ(send("POST", "/v1/completions", R"({"model":"m","prompt":"x"})", "", other).status,
            502);
}

TEST_F(WorkerTest, the_deadline_is_kept) {
  routes_.ready(*engine_);
  const Reply late = send("POST", "/v1/chat/completions", chat("for ever"), "30");
  EXPECT_EQ(late.status, 408);
  EXPECT_EQ(schema::parse_error(408, late.body).args, (std::vector<std::string>{"30"}));
}

TEST_F(WorkerTest, the_head_says_how_long_the_prompt_is) {
  routes_.ready(*engine_);
  const Reply reply = send("POST", "/v1/chat/completions", chat("hello", R"(,"stream":true)"));
  EXPECT_EQ(reply.headers.get("X-Xingcha-Prompt-Tokens"), "5");
  EXPECT_EQ(reply.headers.get("X-Xingcha-Cached-Tokens"), "0");
}

TEST_F(WorkerTest, who_asks_is_in_the_internal_headers) {
  routes_.ready(*engine_);
  const Reply nobody = send("POST", "/v1/chat/completions", chat("who asks?"));
  EXPECT_NE(nobody.body.find("tenant= key= priority=1 speculation=auto"), std::string::npos)
      << nobody.body;
}

TEST_F(WorkerTest, answers_at_once) {
  routes_.ready(*engine_);
  EXPECT_EQ(send("POST", "/internal/count", chat("four")).body, R"({"tokens":4})");
  EXPECT_EQ(send("POST", "/tokenize", R"({"model":"m","content":"A"})").body, R"({"tokens":[65]})");
  EXPECT_EQ(send("POST", "/detokenize", R"({"model":"m","tokens":[65]})").body,
            R"({"content":"A"})");
  EXPECT_NE(send("GET", "/v1/models").body.find(R"("architecture":"fake")"), std::string::npos);
  const std::string stats = send("GET", "/internal/stats").body;
  EXPECT_NE(stats.find(R"("requests_total":0)"), std::string::npos);
  EXPECT_NE(stats.find(R"("queued_by_class":[0,0,0])"), std::string::npos);
  EXPECT_EQ(send("GET", "/internal/engine").body, R"({"sequences":[],"queue":[]})");
  EXPECT_EQ(send("POST", "/v1/embeddings", R"({"model":"m","input":"x"})").status, 200);
  EXPECT_EQ(send("POST", "/v1/rerank", R"({"model":"m","query":"x","documents":["x"]})").status,
            200);
  EXPECT_EQ(send("POST", "/v1/completions", R"({"model":"m","prompt":"x"})").status, 200);
}

}  // namespace
}  // namespace xc::engine
