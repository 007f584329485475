#include "engine/worker/routes.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "engine/worker/facts_json.h"
#include "engine/worker/handover_json.h"
#include "engine/worker/stream.h"
#include "schema/openai.h"

namespace xc::engine {
namespace {

constexpr std::string_view kJson = "application/json";

// A header's whole number, or `otherwise`.
std::int64_t number_of(std::string_view text, std::int64_t otherwise) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

// A question as the gateway asks it. X-Xingcha-Resume: so many bytes at the start of the body are
// what another worker left of its answer; the question follows.
struct Asked {
  std::string_view question;
  std::shared_ptr<const Handover> resume;  // null: nobody has begun
};

Result<Asked> asked_by(const net::Request& request, const Engine& engine) {
  Asked asked{request.body, nullptr};
  const std::string_view header = request.headers.get("X-Xingcha-Resume");
  if (header.empty()) return asked;
  const std::int64_t bytes = number_of(header, -1);
  if (bytes < 0 || static_cast<std::size_t>(bytes) > asked.question.size()) {
    return fail_internal("X-Xingcha-Resume is longer than the body");
  }
  const auto size = static_cast<std::size_t>(bytes);
  XC_TRY(Handover left, parse_handover(asked.question.substr(0, size), engine.facts().digest));
  asked.resume = std::make_shared<const Handover>(std::move(left));
  asked.question.remove_prefix(size);
  return asked;
}

Language language_for(const net::Request& request) {
  return language_of(request.headers.get("Accept-Language"));
}

}  // namespace

// What the gateway says about a request in its headers.
struct Routes::Call {
  RequestContext context;
  std::int64_t deadline_ms = 0;
  Language language = Language::Zh;
  std::string digest;
};

Routes::Routes(net::Runtime& runtime, std::string name)
    : runtime_(runtime), name_(std::move(name)) {}

net::Handler Routes::handler() {
  return [this](net::Exchange& exchange) { return handle(exchange); };
}

net::ErrorReply Routes::render_error(const Error& error, std::string_view,
                                     std::string_view accept_language) {
  return {std::string(kJson), schema::render_error(error, language_of(accept_language), true)};
}

Routes::Call Routes::call_of(net::Exchange& exchange, Engine& engine) {
  const net::Headers& headers = exchange.request().headers;
  Call call;
  call.context.request_id = headers.get("X-Xingcha-Request");
  if (call.context.request_id.empty()) call.context.request_id = make_id(random_, "req_");
  call.context.tenant = headers.get("X-Xingcha-Tenant");
  call.context.key = headers.get("X-Xingcha-Key");
  const std::int64_t priority = number_of(headers.get("X-Xingcha-Priority"), 1);
  call.context.priority =
      static_cast<int>(std::clamp<std::int64_t>(priority, 0, kClasses - 1));
  call.deadline_ms = number_of(headers.get("X-Xingcha-Deadline"), 0);
  if (call.deadline_ms > 0) {
    call.context.deadline = Deadline::after(std::chrono::milliseconds(call.deadline_ms));
  }
  const std::string_view adapter = headers.get("X-Xingcha-Adapter");  // NAME=SHA256
  call.context.adapter = adapter.substr(0, adapter.find('='));
  call.context.adapter_digest =
      adapter.substr(std::min(call.context.adapter.size() + 1, adapter.size()));
  call.language = language_for(exchange.request());
  call.digest = engine.facts().digest.substr(0, 12);
  exchange.reply_headers().set("X-Xingcha-Digest", call.digest);
  return call;
}

schema::ReplyHead Routes::head_of(const Call& call, std::string_view model) const {
  return {call.context.request_id, std::string(model), clock_.unix_ms() / 1000, call.digest};
}

// The wall for errors: what dispatch returns becomes an HTTP status unless a reply has begun.
Task<void> Routes::handle(net::Exchange& exchange) {
  Status done = co_await dispatch(exchange);
  if (done || exchange.started()) co_return;
  const Error& error = done.error();
  if (!error.detail.empty()) log::warn("worker", "{}: {}", name_of(error.code), error.detail);
  if (error.retry_after_s > 0) {
    exchange.reply_headers().set("Retry-After", std::to_string(error.retry_after_s));
  }
  std::string body = schema::render_error(error, language_for(exchange.request()), true);
  const int status = facts_of(error.code).http_status;
  Status replied = co_await exchange.reply(status, kJson, std::move(body));
  if (!replied) log::debug("worker", "the error was not delivered: {}", replied.error().detail);
}

Task<Status> Routes::dispatch(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  if (request.method == "GET" && request.path == "/healthz") {
    return exchange.reply(200, kJson, R"({"status":"ok"})");
  }
  if (request.method == "GET" && request.path == "/readyz") return readyz(exchange);
  Engine* engine = engine_;
  if (engine == nullptr) return refuse_while_loading();
  if (request.method == "POST") {
    if (request.path == "/v1/chat/completions") return chat(exchange, *engine);
    if (request.path == "/v1/completions") return complete(exchange, *engine);
    if (request.path == "/v1/embeddings") return embed(exchange, *engine);
    if (request.path == "/v1/rerank") return rerank(exchange, *engine);
    if (request.path == "/internal/handover") return hand_over(exchange, *engine);
  }
  return reply_at_once(exchange, *engine);
}

Task<Status> Routes::readyz(net::Exchange& exchange) const {
  const bool ready = engine_ != nullptr && !draining_;
  const std::string_view state = draining_ ? "draining" : ready ? "ready" : "loading";
  return exchange.reply(ready ? 200 : 503, kJson, fmt::format(R"({{"state":"{}"}})", state));
}

Task<Status> Routes::refuse_while_loading() const {
  co_return fail(Error{Code::Unavailable, Message::ModelLoading, {name_}, {}, {}, 1});
}

Task<Status> Routes::hand_over(net::Exchange& exchange, Engine& engine) {
  drain();
  engine.hand_over();
  return exchange.reply(200, kJson, R"({"handing_over":true})");
}

Task<Status> Routes::reply_at_once(net::Exchange& exchange, Engine& engine) {
  Result<std::string> body = answer_at_once(exchange.request(), engine);
  if (!body) co_return std::unexpected(std::move(body.error()));
  Status replied = co_await exchange.reply(200, kJson, std::move(*body));
  co_return replied;
}

Result<std::string> Routes::answer_at_once(const net::Request& request, Engine& engine) {
  if (request.method == "GET" && request.path == "/v1/models") return render_models(engine.facts());
  if (request.method == "GET" && request.path == "/internal/stats") {
    return render_stats(engine.stats());
  }
  if (request.method == "GET" && request.path == "/internal/engine") {
    return render_view(engine.view());
  }
  if (request.method == "POST" && request.path == "/internal/count") {
    XC_TRY(const schema::ChatRequest question, schema::parse_chat(request.body));
    XC_TRY(const int tokens, engine.count(question));
    return fmt::format(R"({{"tokens":{}}})", tokens);
  }
  if (request.method == "POST" && request.path == "/tokenize") {
    XC_TRY(const schema::TokenizeRequest question, schema::parse_tokenize(request.body));
    XC_TRY(const std::vector<std::int32_t> tokens, engine.tokenize(question));
    return schema::render_tokens(tokens);
  }
  if (request.method == "POST" && request.path == "/detokenize") {
    XC_TRY(const schema::DetokenizeRequest question, schema::parse_detokenize(request.body));
    XC_TRY(const std::string text, engine.detokenize(question.tokens));
    return schema::render_text(text);
  }
  return fail(Code::NotFound, Message::NoRoute, {request.method, request.path});
}

Task<Status> Routes::chat(net::Exchange& exchange, Engine& engine) {
  Result<Asked> asked = asked_by(exchange.request(), engine);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  Result<schema::ChatRequest> question = schema::parse_chat(asked->question);
  if (!question) co_return std::unexpected(std::move(question.error()));
  Call call = call_of(exchange, engine);
  call.context.resume = std::move(asked->resume);
  DeltaPull pull(runtime_, call.context.deadline, call.deadline_ms);
  auto answer = engine.chat(*question, call.context, pull.waker());
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  pull.attach(std::move(*answer));
  const schema::ReplyHead head = head_of(call, question->model);
  Delivery delivery{
      question->stream, question->include_usage, call.language, engine.facts().digest, {}, {}};
  delivery.chunk = [&head](const schema::Delta& delta, bool first) {
    return schema::render_chat_chunk(head, delta, first);
  };
  delivery.whole = [&](const schema::Collector& whole) {
    return schema::render_chat_reply(head, whole, question->logprobs);
  };
  Status delivered = co_await deliver(exchange, pull, std::move(delivery));
  co_return delivered;
}

Task<Status> Routes::complete(net::Exchange& exchange, Engine& engine) {
  Result<Asked> asked = asked_by(exchange.request(), engine);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  Result<schema::CompletionRequest> question = schema::parse_completion(asked->question);
  if (!question) co_return std::unexpected(std::move(question.error()));
  Call call = call_of(exchange, engine);
  call.context.resume = std::move(asked->resume);
  DeltaPull pull(runtime_, call.context.deadline, call.deadline_ms);
  auto answer = engine.complete(*question, call.context, pull.waker());
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  pull.attach(std::move(*answer));
  const schema::ReplyHead head = head_of(call, question->model);
  Delivery delivery{
      question->stream, question->include_usage, call.language, engine.facts().digest, {}, {}};
  delivery.chunk = [&head](const schema::Delta& delta, bool) {
    return schema::render_completion_chunk(head, delta);
  };
  delivery.whole = [&](const schema::Collector& whole) {
    return schema::render_completion_reply(head, whole, question->logprobs.has_value());
  };
  Status delivered = co_await deliver(exchange, pull, std::move(delivery));
  co_return delivered;
}

Task<Status> Routes::embed(net::Exchange& exchange, Engine& engine) {
  Result<schema::EmbeddingRequest> question = schema::parse_embedding(exchange.request().body);
  if (!question) co_return std::unexpected(std::move(question.error()));
  const Call call = call_of(exchange, engine);
  Pull<schema::Embeddings> pull(runtime_, call.context.deadline, call.deadline_ms);
  auto answer = engine.embed(*question, call.context, pull.waker());
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  pull.attach(std::move(*answer));
  Result<std::optional<schema::Embeddings>> vectors = co_await pull.next();
  if (!vectors) co_return std::unexpected(std::move(vectors.error()));
  if (!*vectors) co_return fail_internal("the engine ended without vectors");
  std::string body = schema::render_embeddings(question->model, **vectors, question->base64);
  Status replied = co_await exchange.reply(200, kJson, std::move(body));
  co_return replied;
}

Task<Status> Routes::rerank(net::Exchange& exchange, Engine& engine) {
  Result<schema::RerankRequest> question = schema::parse_rerank(exchange.request().body);
  if (!question) co_return std::unexpected(std::move(question.error()));
  const Call call = call_of(exchange, engine);
  Pull<schema::Ranking> pull(runtime_, call.context.deadline, call.deadline_ms);
  auto answer = engine.rerank(*question, call.context, pull.waker());
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  pull.attach(std::move(*answer));
  Result<std::optional<schema::Ranking>> ranking = co_await pull.next();
  if (!ranking) co_return std::unexpected(std::move(ranking.error()));
  if (!*ranking) co_return fail_internal("the engine ended without a ranking");
  std::string body = schema::render_ranking(question->model, **ranking, *question);
  Status replied = co_await exchange.reply(200, kJson, std::move(body));
  co_return replied;
}

}  // namespace xc::engine
