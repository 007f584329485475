// Errors as JSON, and errors out of an endpoint's JSON.
#include <algorithm>
#include <boost/json/value.hpp>
#include <charconv>

#include "schema/json_reader.h"
#include "schema/json_text.h"
#include "schema/openai.h"
#include "schema/reply_parts.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

constexpr std::size_t kDetailBytesMax =
    2'000;                              // of an endpoint's words, for the log and the caller
constexpr int kArgsMax = 10;            // {0} … {9}
constexpr int kRetryAfterMax = 86'400;  // seconds

std::string_view openai_code(const Error& error) {
  const bool no_model =
      error.message == xc::Message::NoModel || error.message == xc::Message::NoAdapter;
  if (no_model) return "model_not_found";
  return facts_of(error.code).openai_code;
}

void write_identity(JsonWriter& w, const Error& error) {
  JsonWriter identity(w.key("xingcha"));
  identity.text("code", name_of(error.code));
  identity.text("message", name_of(error.message));
  std::string& out = identity.key("args");
  out += '[';
  for (std::size_t i = 0; i < error.args.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, error.args[i]);
  }
  out += ']';
  if (error.retry_after_s > 0) identity.integer("retry_after_s", error.retry_after_s);
  identity.end();
}

// Our own error, said by a worker or by another Xingcha.
std::optional<Error> identity_in(const json::object& object) {
  const json::object* identity = object_in(object, "xingcha");
  if (identity == nullptr) return std::nullopt;
  Error error;
  error.code = code_of_name(text_in(*identity, "code"));
  error.message = message_of_name(text_in(*identity, "message"));
  if (error.message == xc::Message::None) return std::nullopt;  // of a newer version
  const json::array* args = array_in(*identity, "args");
  for (std::size_t i = 0; args != nullptr && i < args->size() && i < kArgsMax; ++i) {
    if (const json::string* arg = (*args)[i].if_string()) error.args.emplace_back(*arg);
  }
  error.param = text_in(object, "param");
  const std::int64_t retry = integer_in(*identity, "retry_after_s", 0);
  error.retry_after_s = static_cast<int>(std::clamp<std::int64_t>(retry, 0, kRetryAfterMax));
  return error;
}

// A status among the error's own fields: code 400, "400", or a type that means one.
int status_in(const json::object& object) {
  std::int64_t status = integer_in(object, "code", 0);
  const std::string_view code = text_in(object, "code");
  if (code.size() == 3) std::from_chars(code.data(), code.data() + code.size(), status);
  if (status >= 400 && status < 600) return static_cast<int>(status);
  const std::string_view type = text_in(object, "type");
  // TGI's and MindIE's: "validation", "Input validation error", "overloaded".
  const std::string_view kind = text_in(object, "error_type");
  if (kind == "overloaded") return 503;
  const bool callers = type == "invalid_request_error" || type == "BadRequestError" ||
                       kind.find("alidation") != std::string_view::npos;
  return callers ? 400 : 500;
}

// Whose fault it is, seen from our caller. That an endpoint does not know our key or a path is
// ours.
Code code_of_endpoint(int http_status, std::string_view openai_code) {
  if (openai_code == "context_length_exceeded") return Code::ContextExceeded;
  switch (http_status) {
    case 400:
    case 422:
      return Code::InvalidRequest;
    case 413:
      return Code::TooLarge;
    case 429:
    case 503:
      return Code::Unavailable;
    default:
      return Code::Upstream;
  }
}

// The caller reads an endpoint's words only about the caller's own mistake; else they are for the
// log.
Error endpoint_error(int http_status, std::string_view text, std::string_view openai_code) {
  std::string words(text.substr(0, kDetailBytesMax));
  words.resize(words.size() - incomplete_suffix(words));
  Error error;
  error.code = code_of_endpoint(http_status, openai_code);
  error.message = xc::Message::UpstreamFailed;
  const bool callers = facts_of(error.code).http_status < 429 && !words.empty();
  error.args = {callers ? words : "HTTP " + std::to_string(http_status)};
  error.detail = std::move(words);
  return error;
}

Error described_error(const json::object& object, int http_status) {
  if (auto identity = identity_in(object)) return std::move(*identity);
  const int status = http_status >= 400 ? http_status : status_in(object);
  Error error = endpoint_error(status, text_in(object, "message"), text_in(object, "code"));
  error.param = text_in(object, "param");
  return error;
}

}  // namespace

std::string render_error(const Error& error, Language language, bool identity) {
  const CodeFacts& facts = facts_of(error.code);
  std::string out;
  JsonWriter body(out);
  JsonWriter w(body.key("error"));
  w.text("message", text_of(error, language));
  w.text("type", facts.openai_type);
  if (error.param.empty()) {
    w.raw("param", "null");
  } else {
    w.text("param", error.param);
  }
  if (openai_code(error).empty()) {
    w.raw("code", "null");
  } else {
    w.text("code", openai_code(error));
  }
  if (identity) write_identity(w, error);
  w.end();
  body.end();
  return out;
}

std::optional<Error> error_in(const json::object& payload, int http_status) {
  if (const json::object* object = object_in(payload, "error")) {
    return described_error(*object, http_status);
  }
  const std::string_view text = text_in(payload, "error");  // TGI, MindIE
  if (!text.empty()) {
    return endpoint_error(http_status >= 400 ? http_status : status_in(payload), text, {});
  }
  if (text_in(payload, "object") == "error") return described_error(payload, http_status);
  return std::nullopt;
}

Error parse_error(int http_status, std::string_view json) {
  const auto document = read_json(json);
  const json::object* payload = document ? document->if_object() : nullptr;
  if (payload == nullptr) return endpoint_error(http_status, json, {});
  if (auto error = error_in(*payload, http_status)) return std::move(*error);
  const std::string_view text = text_in(*payload, "message");
  return endpoint_error(http_status, text.empty() ? json : text, {});
}

}  // namespace xc::schema
