#include "app/api_client.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>

#include "base/limits.h"
#include "net/sse.h"

namespace xc::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kExcerptBytes = 200;  // of a reply that is not ours

// Stops the loop however the coroutine ends.
struct StopAtEnd {
  net::Runtime& runtime;
  ~StopAtEnd() { runtime.stop(); }
};

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return value->get_string();
}

// An error that a server puts into a stream instead of a chunk.
std::optional<Error> error_in_event(std::string_view data) {
  if (data.find("\"error\"") == std::string_view::npos) return std::nullopt;
  boost::system::error_code failed;
  const json::value value = json::parse(data, failed);
  if (failed || !value.is_object()) return std::nullopt;
  const json::value* error = value.get_object().if_contains("error");
  if (error == nullptr || !error->is_object()) return std::nullopt;
  return error_of_reply(502, data);
}

// Takes whole events out of the reader. True: go on; false: the stream has ended.
Result<bool> take_events(net::SseReader& reader, const OnEvent& on_event) {
  while (std::optional<net::SseEvent> event = reader.next()) {
    if (event->data == "[DONE]") return false;
    if (std::optional<Error> error = error_in_event(event->data)) {
      return std::unexpected(std::move(*error));
    }
    if (!on_event(event->data)) return false;
  }
  return true;
}

Task<void> guarded(net::Runtime& runtime, net::Client& client,
                   const std::function<Task<void>(net::Runtime&, net::Client&)>& work,
                   bool& finished) {
  const StopAtEnd stop{runtime};
  Task<void> running = work(runtime, client);
  co_await std::move(running);
  finished = true;
}

Error interrupted() { return Error{Code::Cancelled, Message::ClientGone, {}, {}, {}, 0}; }

}  // namespace

Error error_of_reply(int status, std::string_view body) {
  Error error{code_of_status(status), Message::ServerSaid, {}, {}, {}, 0};
  boost::system::error_code failed;
  const json::value value = json::parse(body, failed);
  if (!failed && value.is_object()) {
    const json::value* inner = value.get_object().if_contains("error");
    if (inner != nullptr && inner->is_object()) {
      error.args = {std::string(text_at(inner->get_object(), "message"))};
      const json::value* type = inner->get_object().if_contains("code");
      if (type != nullptr && type->is_string()) error.detail = std::string(type->get_string());
    }
  }
  if (error.args.empty() || error.args[0].empty()) {
    error.args = {fmt::format("HTTP {} {}", status, body.substr(0, kExcerptBytes))};
  }
  return error;
}

std::string path_escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

bool run_loop(const std::function<Task<void>(net::Runtime&, net::Client&)>& work) {
  // A runtime that ends leaves the default behind; a chat goes on with its own.
  struct sigaction before{};
  ::sigaction(SIGINT, nullptr, &before);
  bool finished = false;
  {
    net::Runtime runtime(1);
    net::Client client(runtime);
    net::TaskGroup group("command");
    runtime.on_signals([&group](int) { group.cancel(); });
    group.spawn(runtime.executor(0), [&runtime, &client, &work, &finished] {
      return guarded(runtime, client, work, finished);
    });
    runtime.run();
  }
  ::sigaction(SIGINT, &before, nullptr);
  return finished;
}

ApiClient::ApiClient(Credentials credentials, Language language)
    : credentials_(std::move(credentials)), language_(language) {}

Result<net::ClientRequest> ApiClient::request_of(std::string method, std::string target,
                                                 std::string body) const {
  net::ClientRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  if (!credentials_.key.empty()) {
    // A key with a line break would smuggle headers.
    for (const char c : credentials_.key) {
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) {
        return fail(Code::Unauthorized, Message::BadKey);
      }
    }
    request.headers.set("Authorization", "Bearer " + credentials_.key);
  }
  request.headers.set("Accept-Language", language_ == Language::Zh ? "zh-CN" : "en");
  request.headers.set("User-Agent", "xingcha");
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

Task<Result<ApiReply>> ApiClient::exchange(net::Client& client, std::string method,
                                           std::string target, std::string body,
                                           Deadline deadline) const {
  Result<net::Origin> origin = net::Origin::parse(credentials_.url);
  if (!origin) co_return std::unexpected(std::move(origin.error()));
  Result<net::ClientRequest> request =
      request_of(std::move(method), std::move(target), std::move(body));
  if (!request) co_return std::unexpected(std::move(request.error()));
  Task<Result<std::unique_ptr<net::ClientReply>>> sending =
      client.send(*origin, std::move(*request), deadline);
  Result<std::unique_ptr<net::ClientReply>> reply = co_await std::move(sending);
  if (!reply) {
    if (reply.error().code != Code::Upstream) co_return std::unexpected(std::move(reply.error()));
    co_return fail(Code::Unavailable, Message::CannotConnect, {credentials_.url},
                   reply.error().detail);
  }
  Task<Result<std::string>> reading = (*reply)->read_all(limits::kReplyBytesMax, deadline);
  Result<std::string> text = co_await std::move(reading);
  if (!text) co_return std::unexpected(std::move(text.error()));
  co_return ApiReply{(*reply)->status(), std::move(*text)};
}

Result<ApiReply> ApiClient::send(std::string_view method, std::string_view target, std::string body,
                                 Duration timeout) const {
  Result<ApiReply> outcome = std::unexpected(interrupted());
  const auto work = [&](net::Runtime&, net::Client& client) -> Task<void> {
    Task<Result<ApiReply>> exchanging = exchange(client, std::string(method), std::string(target),
                                                 std::move(body), Deadline::after(timeout));
    Result<ApiReply> got = co_await std::move(exchanging);
    outcome = std::move(got);
  };
  if (!run_loop(work)) return std::unexpected(interrupted());
  return outcome;
}

Result<std::string> ApiClient::call(std::string_view method, std::string_view target,
                                    std::string body, Duration timeout) const {
  XC_TRY(ApiReply reply, send(method, target, std::move(body), timeout));
  if (reply.status >= 400) return std::unexpected(error_of_reply(reply.status, reply.body));
  return std::move(reply.body);
}

Task<Status> ApiClient::stream_on(net::Client& client, std::string target, std::string body,
                                  OnEvent on_event) const {
  Result<net::Origin> origin = net::Origin::parse(credentials_.url);
  if (!origin) co_return std::unexpected(std::move(origin.error()));
  Result<net::ClientRequest> request = request_of("POST", std::move(target), std::move(body));
  if (!request) co_return std::unexpected(std::move(request.error()));
  const Deadline never = Deadline::never();
  Task<Result<std::unique_ptr<net::ClientReply>>> sending =
      client.send(*origin, std::move(*request), never);
  Result<std::unique_ptr<net::ClientReply>> reply = co_await std::move(sending);
  if (!reply) {
    if (reply.error().code != Code::Upstream) co_return std::unexpected(std::move(reply.error()));
    co_return fail(Code::Unavailable, Message::CannotConnect, {credentials_.url},
                   reply.error().detail);
  }
  if ((*reply)->status() >= 400) {
    Task<Result<std::string>> reading = (*reply)->read_all(limits::kReplyBytesMax, never);
    Result<std::string> text = co_await std::move(reading);
    if (!text) co_return std::unexpected(std::move(text.error()));
    co_return std::unexpected(error_of_reply((*reply)->status(), *text));
  }
  net::SseReader reader;
  std::string piece;
  for (;;) {
    piece.clear();
    Task<Result<bool>> reading = (*reply)->read_some(piece, never);
    Result<bool> more = co_await std::move(reading);
    if (!more) co_return std::unexpected(std::move(more.error()));
    Status fed = reader.feed(piece);
    if (!fed) co_return fed;
    Result<bool> go_on = take_events(reader, on_event);
    if (!go_on) co_return std::unexpected(std::move(go_on.error()));
    if (!*go_on) co_return Status{};
    if (!*more) co_return fail(Code::Upstream, Message::WorkerLost);  // ended without [DONE]
  }
}

Status ApiClient::stream(std::string_view target, std::string body, OnEvent on_event) const {
  Status outcome;
  const auto work = [&](net::Runtime&, net::Client& client) -> Task<void> {
    Task<Status> streaming = stream_on(client, std::string(target), std::move(body), on_event);
    Status got = co_await std::move(streaming);
    outcome = std::move(got);
  };
  if (!run_loop(work)) return std::unexpected(interrupted());
  return outcome;
}

bool ApiClient::ready() const {
  const Result<ApiReply> reply = send("GET", "/readyz", {}, std::chrono::seconds(5));
  return reply && reply->status == 200;
}

}  // namespace xc::app
