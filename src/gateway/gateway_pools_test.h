// What the tests of pools share: an upstream that fails as its address says, and the door with
// endpoints of it.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "gateway/gateway_test.h"
#include "gateway/tale_test.h"

namespace xc::gateway {

inline const std::string kText = chunk(R"({"role":"assistant","content":""})") +
                                 chunk(R"({"reasoning":"hm"})") +
                                 chunk(R"({"content":"from afar"})");
inline const std::string kEnd =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}\n\n"
    "data: [DONE]\n\n";

// An OpenAI-compatible server that fails in the way that its path names: http://host/MODE.
class Upstream {
 public:
  explicit Upstream(net::Runtime& runtime)
      : server_(
            runtime, options(), [this](net::Exchange& exchange) { return serve(exchange); },
            [](const Error&, std::string_view, std::string_view) { return net::ErrorReply{}; }) {
    EXPECT_TRUE(server_.open());
  }
  std::string url(const std::string& mode) const {
    return "http://" + server_.address() + "/" + mode;
  }
  net::Server& server() { return server_; }
  int asked(const std::string& mode) {
    const std::lock_guard hold(mutex_);
    return asked_[mode];
  }
  net::Request last() {
    const std::lock_guard hold(mutex_);
    return last_;
  }

 private:
  static net::ServerOptions options() {
    net::ServerOptions made;
    made.address = "127.0.0.1:0";
    return made;
  }
  std::string note(const net::Request& request) {
    const std::lock_guard hold(mutex_);
    last_ = request;
    std::string mode = request.path.substr(1, request.path.find('/', 1) - 1);
    ++asked_[mode];
    return mode;
  }
  static Task<void> stream(net::Exchange& exchange, std::string bytes) {
    Status sent = co_await exchange.begin_stream(200, "text/event-stream", bytes);
    if (sent) sent = co_await exchange.end_stream();
  }
  Task<void> reply(net::Exchange& exchange, int status, std::string body) {
    Status sent = co_await exchange.reply(status, "application/json", std::move(body));
    static_cast<void>(sent);
  }
  Task<void> serve(net::Exchange& exchange) {
    const std::string mode = note(exchange.request());
    const std::string auth(exchange.request().headers.get("Authorization"));
    if (mode.starts_with("tale")) co_return co_await tell(exchange, mode);
    if (mode == "tardy") co_await net::sleep_for(std::chrono::milliseconds(150));
    if (mode == "good" || mode == "tardy") co_return co_await stream(exchange, kText + kEnd);
    if (mode == "whole") {
      co_return co_await reply(
          exchange, 200,
          R"({"choices":[{"index":0,"message":{"content":"at once"},"finish_reason":"stop"}],)"
          R"("usage":{"prompt_tokens":11,"completion_tokens":2}})");
    }
    if (mode == "nothing") co_return co_await stream(exchange, "");
    if (mode == "cut") co_return co_await stream(exchange, kText);
    if (mode == "wrong") co_return co_await stream(exchange, "data: {\"choi\n\n");
    if (mode == "html") co_return co_await stream(exchange, "<html>busy</html>");
    if (mode == "late") co_return co_await stream(exchange, "data: {\"error\":\"npu\"}\n\n");
    if (mode == "okerror") {
      co_return co_await reply(exchange, 200, R"({"error":{"message":"oom","code":500}})");
    }
    if (mode == "busy") {
      exchange.reply_headers().set("Retry-After", "7");
      co_return co_await reply(exchange, 429, R"({"error":{"message":"slow down"}})");
    }
    if (mode == "callers") {
      co_return co_await reply(exchange, 400, R"({"error":{"message":"bad n","code":400}})");
    }
    if (mode == "refused") {
      co_return co_await reply(exchange, 401, R"({"error":{"message":")" + auth + R"("}})");
    }
    if (mode == "hang" || mode == "stall") {
      if (mode == "stall") {
        Status sent = co_await exchange.begin_stream(200, "text/event-stream", kText);
        static_cast<void>(sent);
      }
      co_return co_await net::sleep_for(std::chrono::seconds(60));
    }
    co_return co_await reply(exchange, 500, "{}");
  }

  // tale, tale.N: the rest of the tale, whole or cut off after N words; tale-stall.N hangs there,
  // tale-torn.N breaks in the middle of an event. tale-thinks goes on with a thought.
  Task<void> tell(net::Exchange& exchange, std::string mode) {
    const std::size_t dot = mode.find('.');
    const int most = dot == std::string::npos ? 99 : std::stoi(mode.substr(dot + 1));
    std::string bytes = tale_from(exchange.request().body, most, mode.starts_with("tale-thinks"));
    if (mode.starts_with("tale-torn")) bytes += R"(data: {"choices":[{"ind)";
    if (!mode.starts_with("tale-stall")) co_return co_await stream(exchange, std::move(bytes));
    Status sent = co_await exchange.begin_stream(200, "text/event-stream", bytes);
    static_cast<void>(sent);
    co_await net::sleep_for(std::chrono::seconds(60));
  }

  std::mutex mutex_;
  std::map<std::string, int> asked_;
  net::Request last_;
  net::Server server_;
};

class PoolTest : public GatewayTest {
 protected:
  ~PoolTest() override {
    loops_.run([this]() -> Task<void> {
      const Deadline now = Deadline::after(std::chrono::milliseconds(1));
      co_await upstream_.server().close(now);
    });
  }
  Reply put(std::string path, std::string body) {
    return send("PUT", std::move(path), std::move(body), with_key());
  }
  // Model "m": endpoints of the modes, asked in this order.
  void endpoints(const std::vector<std::string>& modes, const std::string& more = "") {
    ASSERT_EQ(put("/admin/pools/p", R"({"policy":"order"})").status, 200);
    for (std::size_t i = 0; i < modes.size(); ++i) {
      const std::string url = modes[i] == "dead" ? "http://127.0.0.1:9" : upstream_.url(modes[i]);
      const Reply made =
          put("/admin/endpoints/e" + std::to_string(i),
              R"({"pool":"p","vendor":"vllm","key":"sk-upstream","start_timeout_ms":300,)"
              R"("stall_timeout_ms":300,"url":")" +
                  url + R"(","rank":)" + std::to_string(i) + more + "}");
      ASSERT_EQ(made.status, 200) << made.body;
    }
    ASSERT_EQ(put("/admin/routes/m", R"({"targets":[{"pool":"p","model":"theirs"}]})").status, 200);
  }
  Reply ask(bool stream = true, HeaderList headers = {}) {
    return post("/v1/chat/completions",
                std::string(R"({"model":"m","messages":[{"role":"user","content":"hi"}])") +
                    (stream ? R"(,"stream":true})" : "}"),
                std::move(headers));
  }
  std::string metrics() { return send("GET", "/metrics", "", {}).body; }
  bool counted(const std::string& endpoint, const std::string& outcome, int times) {
    return metrics().find("xingcha_endpoint_requests_total{endpoint=\"" + endpoint +
                          "\",outcome=\"" + outcome + "\",pool=\"p\"} " + std::to_string(times)) !=
           std::string::npos;
  }
  std::int64_t settled() {
    return books_->ledger()
        .balance(identity::Scope::Tenant, "default", identity::Meter::TokensDay)
        .settled;
  }

  Upstream upstream_{loops_.runtime};
};

}  // namespace xc::gateway
