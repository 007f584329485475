// Keys, languages, shapes of errors, and the routes without a model.
#include "gateway/gateway_test.h"
#include "gateway/router.h"

namespace xc::gateway {
namespace {

TEST_F(GatewayTest, every_route_that_needs_a_key_says_so) {
  for (const Route& route : routes()) {
    if (!route.needs_key) continue;
    std::string path(route.pattern);
    if (const std::size_t open = path.find('{'); open != std::string::npos) {
      path.replace(open, path.find('}') - open + 1, "x");
    }
    const Reply none = send(std::string(route.method), path, "{}", {});
    EXPECT_EQ(none.status, 401) << path;
    EXPECT_EQ(none.headers.get("WWW-Authenticate"), "Bearer");
    const Reply wrong = send(std::string(route.method), path, "{}", {{"x-api-key", "xc-nothing"}});
    EXPECT_EQ(wrong.status, 401) << path;
    if (route.shape == Shape::TeleChat) {
      EXPECT_EQ(wrong.at("/code"), "10903");
      EXPECT_EQ(wrong.at("/flag"), "0");
      continue;
    }
    if (route.shape == Shape::Ollama) {
      EXPECT_FALSE(wrong.at("/error").empty());
      continue;
    }
    const bool anthropic = route.shape == Shape::Anthropic;
    EXPECT_EQ(wrong.at("/error/type"),
              anthropic ? "authentication_error" : "invalid_request_error");
    EXPECT_EQ(wrong.at("/type"), anthropic ? "error" : "(nothing)");
  }
}

TEST_F(GatewayTest, the_key_may_be_in_three_headers) {
  for (const HeaderList& headers :
       {HeaderList{{"Authorization", "bearer " + key_}}, HeaderList{{"x-api-key", key_}},
        HeaderList{{"api-key", key_}}}) {
    EXPECT_EQ(send("GET", "/v1/models", "", headers).status, 200) << headers[0].first;
  }
  EXPECT_EQ(send("GET", "/v1/models", "", {{"Authorization", "Basic " + key_}}).status, 401);
  EXPECT_EQ(send("GET", "/v1/models", "", {{"Authorization", key_}}).status, 401);
}

TEST_F(GatewayTest, a_revoked_key_is_refused_and_reload_answers) {
  EXPECT_EQ(post("/admin/keys/reload", "").at("/reloaded"), "true");
  ASSERT_TRUE(keys_->revoke((*keys_->list())[0].id));
  EXPECT_EQ(get("/v1/models").status, 401);
}

TEST_F(GatewayTest, errors_speak_the_callers_language) {
  for (const char* path : {"/v1/chat/completions", "/v1/messages"}) {
    const Reply zh = post(path, "{");
    const Reply en = post(path, "{", {{"Accept-Language", "en-US,en;q=0.9"}});
    EXPECT_EQ(zh.status, 400);
    EXPECT_TRUE(zh.at("/error/message").starts_with("请求体")) << zh.body;
    EXPECT_TRUE(en.at("/error/message").starts_with("The request body")) << en.body;
  }
  // Found by the worker, said here.
  const std::string longer(100, 'x');
  const Reply zh = post("/v1/chat/completions", chat_body(longer));
  EXPECT_EQ(zh.status, 400);
  EXPECT_EQ(zh.at("/error/code"), "context_length_exceeded");
  EXPECT_NE(zh.at("/error/message").find("提示词有 100 个 token"), std::string::npos) << zh.body;
  EXPECT_EQ(zh.at("/xingcha"), "(nothing)");
  const std::string body =
      R"({"model":"f","max_tokens":5,"messages":[{"role":"user","content":")" + longer + R"("}]})";
  const Reply en = post("/v1/messages", body, {{"Accept-Language", "en"}});
  EXPECT_EQ(en.at("/type"), "error");
  EXPECT_NE(en.at("/error/message").find("100 tokens"), std::string::npos) << en.body;
}

TEST_F(GatewayTest, wrong_fields_are_named) {
  const Reply reply = post("/v1/chat/completions", chat_body("x", R"(,"max_tokens":-1)"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.at("/error/param"), "max_tokens");
  const Reply odd = post("/v1/chat/completions",
                         R"({"model":"a\nb","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(odd.status, 400);
  EXPECT_EQ(odd.at("/error/param"), "model");
  const Reply unknown_field = post("/v1/chat/completions", chat_body("x", R"(,"zzz":{"a":[1]})"));
  EXPECT_EQ(unknown_field.status, 200);
}

TEST_F(GatewayTest, unknown_models_and_gone_ones) {
  const std::string body = R"({"model":"nope","messages":[{"role":"user","content":"x"}]})";
  const Reply none = post("/v1/chat/completions", body);
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.at("/error/code"), "model_not_found");
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"nope","input":"x"})").status, 404);
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"absent","input":"x"})").status, 503);
  EXPECT_EQ(get("/v1/models/nope").status, 404);
}

TEST_F(GatewayTest, addresses_and_methods) {
  const Reply none = get("/v1/nothing");
  EXPECT_EQ(none.status, 404);
  EXPECT_NE(none.at("/error/message").find("/v1/nothing"), std::string::npos);
  const Reply wrong = send("DELETE", "/v1/chat/completions", "", with_key());
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "POST, OPTIONS");
  const Reply anthropic = get("/v1/messages");
  EXPECT_EQ(anthropic.status, 405);
  EXPECT_EQ(anthropic.at("/type"), "error");
  const Reply options = send("OPTIONS", "/v1/models", "", {});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.get("Allow"), "GET, HEAD, OPTIONS");
  net::RawClient raw(server_->address());
  raw.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = raw.read_all();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(GatewayTest, request_ids) {
  EXPECT_EQ(get("/v1/models", {{"X-Request-Id", "mine-1.2:3_x"}}).headers.get("X-Request-Id"),
            "mine-1.2:3_x");
  const Reply odd = get("/v1/models", {{"X-Request-Id", "has space"}});
  EXPECT_TRUE(odd.headers.get("X-Request-Id").starts_with("req_"));
  const Reply huge = get("/v1/models", {{"X-Request-Id", std::string(200, 'a')}});
  EXPECT_TRUE(huge.headers.get("X-Request-Id").starts_with("req_"));
}

TEST_F(GatewayTest, models_and_their_state) {
  const Reply before = get("/v1/models");
  EXPECT_EQ(before.at("/object"), "list");
  EXPECT_EQ(before.at("/data/0/id"), "fake");
  EXPECT_EQ(before.at("/data/0/owned_by"), "xingcha");
  EXPECT_EQ(before.at("/data/0/xingcha/state"), "available");
  EXPECT_EQ(before.at("/data/0/xingcha/licence"), "MIT");
  EXPECT_EQ(get("/v1/models/vendor/absent").at("/id"), "vendor/absent");
  EXPECT_EQ(post("/tokenize", R"({"model":"f","content":"x"})").status, 200);
  EXPECT_EQ(get("/v1/models/f").at("/xingcha/state"), "ready");
  const Reply workers = get("/admin/workers");
  EXPECT_EQ(workers.at("/workers/0/model"), "fake");
  EXPECT_EQ(workers.at("/workers/0/state"), "ready");
  EXPECT_EQ(post("/admin/workers/f/stop", "").at("/stopped"), "fake");
  EXPECT_EQ(get("/v1/models/fake").at("/xingcha/state"), "available");
  EXPECT_EQ(post("/admin/workers/nope/stop", "").status, 404);
}

TEST_F(GatewayTest, headers_say_until_when_and_how_urgent) {
  for (const char* name : {"X-Xingcha-Deadline", "X-Xingcha-Priority"}) {
    const Reply bad = post("/tokenize", R"({"model":"f","content":"x"})",
                           {{name, "sometime"}, {"Accept-Language", "en"}});
    EXPECT_EQ(bad.status, 400) << bad.body;
    EXPECT_EQ(bad.at("/error/param"), name);
    EXPECT_NE(bad.at("/error/message").find(name), std::string::npos) << bad.body;
  }
  const Reply past = post("/tokenize", R"({"model":"f","content":"x"})",
                          {{"X-Xingcha-Deadline", "2020-01-01T00:00:00Z"}});
  EXPECT_EQ(past.status, 408) << past.body;
  const Reply good =
      post("/tokenize", R"({"model":"f","content":"x"})",
           {{"X-Xingcha-Deadline", "2099-01-01T00:00:00+08:00"}, {"X-Xingcha-Priority", "normal"}});
  EXPECT_EQ(good.status, 200) << good.body;
}

TEST_F(GatewayTest, the_worker_hears_who_asks_from_the_key_alone) {
  const std::string id = (*keys_->list())[0].id;
  const Reply plain = post("/v1/chat/completions", chat_body("who asks?"));
  EXPECT_EQ(plain.at("/choices/0/message/content"),
            "tenant=default key=" + id + " priority=1 speculation=auto");
  const Reply spoofed =
      post("/v1/chat/completions",
           chat_body("who asks?", R"(,"speculation":"off","tenant":"evil","user":"evil")"),
           {{"X-Xingcha-Tenant", "evil"},
            {"X-Xingcha-Key", "evil"},
            {"X-Xingcha-Request", "evil"},
            {"X-Xingcha-Priority", "background"}});
  EXPECT_EQ(spoofed.at("/choices/0/message/content"),
            "tenant=default key=" + id + " priority=2 speculation=off");
  const Reply odd = post("/v1/chat/completions", chat_body("x", R"(,"speculation":"on")"));
  EXPECT_EQ(odd.status, 400);
  EXPECT_EQ(odd.at("/error/param"), "speculation");
}

TEST_F(GatewayTest, an_adapter_that_is_not_there) {
  const Reply none = get("/v1/models/f:legal", {{"Accept-Language", "en"}});
  EXPECT_EQ(none.status, 404);
  EXPECT_NE(none.at("/error/message").find("no adapter 'legal'"), std::string::npos) << none.body;
  EXPECT_NE(get("/v1/models/nope:legal").at("/error/message").find("nope:legal"),
            std::string::npos);
}

TEST_F(GatewayTest, the_worker_hears_of_an_adapter_from_the_catalogue_alone) {
  const auto said = [this](std::string_view model) {
    const std::string body =
        R"({"model":")" + std::string(model) +
        R"(","messages":[{"role":"user","content":"who asks?"}],"adapter":"evil=1"})";
    const std::string text = post("/v1/chat/completions", body, {{"X-Xingcha-Adapter", "evil=1"}})
                                 .at("/choices/0/message/content");
    const std::size_t at = text.find(" adapter=");
    return at == std::string::npos ? std::string("none") : text.substr(at + 9);
  };
  EXPECT_EQ(said("fake"), "none");
  EXPECT_EQ(said("fake:poet"), "poet/cafe");
  EXPECT_EQ(said("fake"), "none");  // one worker; the name decides, not who asked before
  EXPECT_EQ(said("fake:clerk"), "clerk/beef");
  EXPECT_EQ(said("f:poet"), "poet/cafe");
  EXPECT_EQ(get("/admin/engine").at("/workers/0/model"), "fake");
  const Reply row = get("/v1/models/f:poet");
  EXPECT_EQ(row.at("/id"), "fake:poet");
  EXPECT_EQ(row.at("/parent"), "fake");
  EXPECT_EQ(row.at("/xingcha/state"), "ready");
}

TEST_F(GatewayTest, engines_show_themselves_to_the_first_tenant) {
  EXPECT_EQ(get("/admin/engine").at("/workers"), "[]");
  EXPECT_EQ(post("/tokenize", R"({"model":"f","content":"x"})").status, 200);
  const Reply shown = get("/admin/engine");
  EXPECT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.at("/workers/0/model"), "fake");
  EXPECT_EQ(shown.at("/workers/0/stats/cells"), "64");
  EXPECT_EQ(shown.at("/workers/0/engine/sequences"), "[]");
  EXPECT_EQ(shown.at("/workers/0/engine/queue"), "[]");
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  const std::string other = keys_->create("other", "acme")->secret;
  EXPECT_EQ(send("GET", "/admin/engine", "", {{"x-api-key", other}}).status, 403);
}

TEST_F(GatewayTest, probes) {
  EXPECT_EQ(send("GET", "/healthz", "", {}).at("/status"), "ok");
  EXPECT_EQ(send("GET", "/version", "", {}).at("/version"), "1.2.3");
  EXPECT_EQ(send("GET", "/readyz", "", {}).status, 200);
  gateway_->begin_shutdown();
  EXPECT_EQ(send("GET", "/readyz", "", {}).status, 503);
}

TEST_F(GatewayTest, metrics_list_the_series) {
  EXPECT_EQ(post("/v1/chat/completions", chat_body("hello there my friend")).status, 200);
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"no such","input":"x"})").status, 404);
  const std::string text = send("GET", "/metrics", "", {}).body;
  for (const char* line :
       {R"(xingcha_requests_total{model="fake",route="/v1/chat/completions",status="200"} 1)",
        R"(xingcha_requests_total{model="unknown",route="/v1/embeddings",status="404"} 1)",
        R"(xingcha_time_to_first_token_seconds_count{model="fake",route="/v1/chat/completions"} 1)",
        R"(xingcha_time_between_tokens_seconds_count{)", R"(xingcha_request_seconds_bucket{)",
        R"(xingcha_queue_seconds_count{)",
        R"(xingcha_tokens_total{kind="prompt",model="fake",route="/v1/chat/completions"} 21)",
        R"(xingcha_requests_in_flight 1)", R"(xingcha_workers{state="ready"} 1)",
        R"(xingcha_engine_prompt_tokens_total{kind="asked",model="fake"} 21)",
        R"(xingcha_engine_cells{kind="all",model="fake"} 64)",
        R"(xingcha_engine_queue_depth{class="background",model="fake"} 0)",
        R"(xingcha_connections )", R"(xingcha_build_info{version="1.2.3"} 1)"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_EQ(text.find("no such"), std::string::npos);
}

}  // namespace
}  // namespace xc::gateway
