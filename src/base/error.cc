#include "base/error.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/assert.h"

namespace xc {
namespace {

struct Sentence {
  std::string_view name;
  std::string_view zh;
  std::string_view en;
};

constexpr std::array kSentences{
#define XC_MESSAGE(name, zh, en) Sentence{#name, zh, en},
#include "base/messages.def"
#undef XC_MESSAGE
};
static_assert(kSentences.size() == static_cast<std::size_t>(Message::Count));

constexpr std::array kFacts{
    CodeFacts{Code::InvalidRequest, 400, "invalid_request_error", "", "invalid_request_error"},
    CodeFacts{Code::ContextExceeded, 400, "invalid_request_error", "context_length_exceeded",
              "invalid_request_error"},
    CodeFacts{Code::Unauthorized, 401, "invalid_request_error", "invalid_api_key",
              "authentication_error"},
    CodeFacts{Code::QuotaSpent, 402, "insufficient_quota", "insufficient_quota", "billing_error"},
    CodeFacts{Code::Forbidden, 403, "permission_error", "forbidden", "permission_error"},
    CodeFacts{Code::NotFound, 404, "invalid_request_error", "not_found", "not_found_error"},
    CodeFacts{Code::MethodNotAllowed, 405, "invalid_request_error", "method_not_allowed",
              "invalid_request_error"},
    CodeFacts{Code::Timeout, 408, "timeout_error", "timeout", "timeout_error"},
    CodeFacts{Code::Conflict, 409, "invalid_request_error", "conflict", "invalid_request_error"},
    CodeFacts{Code::TooLarge, 413, "invalid_request_error", "request_too_large",
              "request_too_large"},
    CodeFacts{Code::HeadTooLarge, 431, "invalid_request_error", "request_header_too_large",
              "request_too_large"},
    CodeFacts{Code::RateLimited, 429, "rate_limit_error", "rate_limit_exceeded",
              "rate_limit_error"},
    CodeFacts{Code::Cancelled, 499, "invalid_request_error", "client_closed_request", "api_error"},
    CodeFacts{Code::Internal, 500, "server_error", "internal_error", "api_error"},
    CodeFacts{Code::Upstream, 502, "server_error", "upstream_error", "api_error"},
    CodeFacts{Code::Unavailable, 503, "server_error", "unavailable", "overloaded_error"},
};

constexpr std::array<std::string_view, kFacts.size()> kCodeNames{
    "InvalidRequest", "ContextExceeded",  "Unauthorized", "QuotaSpent", "Forbidden",
    "NotFound",       "MethodNotAllowed", "Timeout",      "Conflict",   "TooLarge",
    "HeadTooLarge",   "RateLimited",      "Cancelled",    "Internal",   "Upstream",
    "Unavailable"};

constexpr bool facts_in_order() {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (static_cast<std::size_t>(kFacts[i].code) != i) return false;
  }
  return true;
}
static_assert(facts_in_order(), "kFacts is indexed by Code");

const Sentence& sentence_of(Message message) {
  return kSentences[static_cast<std::size_t>(message)];
}

}  // namespace

Error::Error(Code a_code, Message a_message, std::vector<std::string> some_args,
             std::string a_detail, std::string a_param, int retry_after)
    : code(a_code),
      message(a_message),
      args(std::move(some_args)),
      detail(std::move(a_detail)),
      param(std::move(a_param)),
      retry_after_s(retry_after) {}
Error::Error(const Error& other) = default;
Error::Error(Error&& other) noexcept = default;
Error& Error::operator=(const Error& other) = default;
Error& Error::operator=(Error&& other) noexcept = default;
Error::~Error() = default;

const CodeFacts& facts_of(Code code) { return kFacts[static_cast<std::size_t>(code)]; }

Code code_of_status(int http_status) {
  for (const CodeFacts& row : kFacts) {
    if (row.http_status == http_status) return row.code;
  }
  if (http_status >= 400 && http_status < 500) return Code::InvalidRequest;
  return Code::Upstream;
}

std::string text_of(Message message, const std::vector<std::string>& args, Language language) {
  const Sentence& sentence = sentence_of(message);
  const std::string_view pattern = language == Language::Zh ? sentence.zh : sentence.en;
  std::string out;
  out.reserve(pattern.size() + 32);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool slot = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}';
    const std::size_t index = slot ? static_cast<std::size_t>(pattern[i + 1] - '0') : args.size();
    if (slot && index < args.size()) {
      out += args[index];
      i += 2;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

std::string text_of(const Error& error, Language language) {
  return text_of(error.message, error.args, language);
}

std::string_view name_of(Code code) { return kCodeNames[static_cast<std::size_t>(code)]; }
std::string_view name_of(Message message) { return sentence_of(message).name; }

Code code_of_name(std::string_view name) {
  for (std::size_t i = 0; i < kCodeNames.size(); ++i) {
    if (kCodeNames[i] == name) return static_cast<Code>(i);
  }
  return Code::Internal;
}

Message message_of_name(std::string_view name) {
  for (std::size_t i = 0; i < kSentences.size(); ++i) {
    if (kSentences[i].name == name) return static_cast<Message>(i);
  }
  return Message::None;
}

Language language_of(std::string_view accept_language) {
  const std::size_t zh = accept_language.find("zh");
  const std::size_t en = accept_language.find("en");
  if (en == std::string_view::npos) return Language::Zh;
  return zh != std::string_view::npos && zh < en ? Language::Zh : Language::En;
}

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: bug: %s does not hold\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace xc
