#include "gateway/call.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "gateway/console_session.h"
#include "schema/anthropic.h"
#include "schema/model_name.h"
#include "schema/ollama.h"
#include "schema/openai.h"
#include "schema/telechat.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kJson = "application/json";

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == ':';
}

// The token of "Bearer TOKEN", the scheme in any case; else empty.
std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  const std::string_view scheme = authorization.substr(0, kScheme.size() - 1);
  if (!std::ranges::equal(scheme, kScheme.substr(0, scheme.size()), same)) return {};
  const std::size_t begin = authorization.find_first_not_of(' ', scheme.size());
  return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

}  // namespace

std::string request_id_of(const net::Request& request, RandomSource& random) {
  const std::string_view theirs = request.headers.get("X-Request-Id");
  const bool sane = !theirs.empty() && theirs.size() <= limits::kRequestIdBytesMax &&
                    std::ranges::all_of(theirs, is_plain);
  return sane ? std::string(theirs) : make_id(random, "req_");
}

std::string_view secret_of(const net::Request& request, const Services& services) {
  std::string_view key = bearer_of(request.headers.get("Authorization"));
  if (key.empty()) key = request.headers.get("x-api-key");
  if (key.empty()) key = request.headers.get("api-key");
  if (key.empty()) key = console_token(request, services);
  return key;
}

Result<identity::Caller> caller_of(const net::Request& request, const Services& services) {
  const std::string_view secret = secret_of(request, services);
  if (secret.starts_with(identity::kTokenPrefix)) return services.accounts.sessions->verify(secret);
  return services.keys.verify(secret, request.peer);
}

Result<SharedRow> model_row(const Services& services, std::string_view name) {
  const auto has = [](const ModelRow& row, std::string_view wanted) {
    const bool by_id = !wanted.empty() && row.service_id() == wanted;
    return by_id || row.name == wanted ||
           std::ranges::find(row.aliases, wanted) != row.aliases.end();
  };
  const schema::ModelName parts = schema::split_adapter(name);
  const ModelRows rows = services.models();
  std::string whole;  // model:adapter, when the model was named by an alias
  for (const ModelRow& row : *rows) {
    if (has(row, name)) return SharedRow(rows, &row);
    if (!parts.adapter.empty() && has(row, parts.base))
      whole = row.name + ":" + std::string(parts.adapter);
  }
  const auto adapter = std::ranges::find(*rows, whole, &ModelRow::name);
  if (adapter != rows->end()) return SharedRow(rows, &*adapter);
  if (!whole.empty()) {
    return fail(Code::NotFound, Message::NoAdapter,
                {std::string(parts.base), std::string(parts.adapter)});
  }
  return fail(Code::NotFound, Message::NoModel, {std::string(name)});
}

bool may_use(const identity::Caller& caller, const ModelRow& row) {
  if (!caller.scopes || caller.scopes->allows_model(row.name)) return true;
  return std::ranges::any_of(row.aliases, [&caller](const std::string& alias) {
    return caller.scopes->allows_model(alias);
  });
}

Result<SharedRow> allowed_model(const Call& call, std::string_view name) {
  Result<SharedRow> row = model_row(call.services, name);
  const identity::Caller& caller = call.caller;
  // A name that is not there is judged too: else a key could find out what others have.
  const bool allowed =
      row ? may_use(caller, **row) : !caller.scopes || caller.scopes->allows_model(name);
  if (allowed) return row;
  return fail(Code::Forbidden, Message::ScopeRefused, {"models", std::string(name)});
}

std::string render_error(Shape shape, const Error& error, Language language,
                         std::string_view request_id) {
  if (shape == Shape::Anthropic) {
    return schema::anthropic::render_error(error, language, request_id);
  }
  if (shape == Shape::TeleChat) return schema::telechat::render_error(error, language, request_id);
  if (shape == Shape::Ollama) return schema::ollama::render_error(error, language);
  return schema::render_error(error, language);
}

void name_the_request(Error& error, const Call& call) {
  if (error.message == Message::InternalError) error.args = {call.request_id};
  if (error.message == Message::Deadline) error.args = {std::to_string(call.deadline_ms)};
}

void add_receipt(Call& call) {
  if (!call.audit.admission()) return;
  call.exchange.reply_headers().set("X-Xingcha-Receipt", call.audit.receipt());
}

Task<Status> reply_json(Call& call, int status, std::string body) {
  call.audit.outcome(status);
  add_receipt(call);
  return call.exchange.reply(status, kJson, std::move(body));
}

Task<Status> reply_error(Call& call, Error error) {
  call.audit.outcome(error);
  name_the_request(error, call);
  if (!error.detail.empty()) log::warn("gateway", "{}: {}", call.request_id, error.detail);
  net::Headers& headers = call.exchange.reply_headers();
  if (error.retry_after_s > 0) headers.set("Retry-After", std::to_string(error.retry_after_s));
  add_receipt(call);
  if (error.code == Code::Unauthorized) headers.set("WWW-Authenticate", "Bearer");
  std::string body = render_error(call.shape, error, call.language, call.request_id);
  const int status = facts_of(error.code).http_status;
  Status replied = co_await call.exchange.reply(status, kJson, std::move(body));
  co_return replied;
}

}  // namespace xc::gateway
