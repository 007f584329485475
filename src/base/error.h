// What can go wrong, as a value. A failure that a caller may see carries a Message (a sentence in
// every language) and its arguments; `detail` is for the log and never leaves the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xc {

// Closed: a new kind of failure is a new Message, rarely a new Code. Code decides status and type.
enum class Code : std::uint8_t {
  InvalidRequest,    // 400 the caller's mistake; a retry fails again
  ContextExceeded,   // 400 prompt longer than the model's context
  Unauthorized,      // 401
  QuotaSpent,        // 402 a budget is used up; a retry fails until it is raised or renewed
  Forbidden,         // 403
  NotFound,          // 404
  MethodNotAllowed,  // 405
  Timeout,           // 408 / deadline
  Conflict,          // 409
  TooLarge,          // 413
  HeadTooLarge,      // 431
  RateLimited,       // 429 the caller's own limit
  Cancelled,         // 499 the client went away; never sent
  Internal,          // 500 a bug or an unexpected state
  Upstream,          // 502 the model process or a remote endpoint failed
  Unavailable,       // 503 no capacity, loading failed, shutting down
};

enum class Message : std::uint8_t {
#define XC_MESSAGE(name, zh, en) name,
#include "base/messages.def"
#undef XC_MESSAGE
  Count,
};

enum class Language : std::uint8_t { Zh, En };

struct Error {
  Code code = Code::Internal;
  Message message = Message::InternalError;
  std::vector<std::string> args;  // for {0}, {1} … of the message
  std::string detail;             // for the log only
  std::string param;              // the request field at fault, OpenAI's error.param; may be empty
  int retry_after_s = 0;          // > 0: sent as Retry-After
  // Out of line: every function that may fail would otherwise carry these, and code that runs would
  // lie far apart.
  Error() = default;
  [[gnu::cold]] Error(Code a_code, Message a_message, std::vector<std::string> some_args = {},
                      std::string a_detail = {}, std::string a_param = {}, int retry_after = 0);
  [[gnu::cold]] Error(const Error& other);
  [[gnu::cold]] Error(Error&& other) noexcept;
  [[gnu::cold]] Error& operator=(const Error& other);
  [[gnu::cold]] Error& operator=(Error&& other) noexcept;
  [[gnu::cold]] ~Error();
};

// The one table: HTTP status, OpenAI error.type and error.code, Anthropic error.type.
struct CodeFacts {
  Code code;
  int http_status;
  std::string_view openai_type;
  std::string_view openai_code;  // empty: null in the reply
  std::string_view anthropic_type;
};
const CodeFacts& facts_of(Code code);
// The code whose row has this HTTP status; the nearest class (4xx, 5xx) when there is none.
Code code_of_status(int http_status);

// The sentence with its arguments filled in. Never fails; a missing argument stays as {n}.
std::string text_of(const Error& error, Language language);
std::string text_of(Message message, const std::vector<std::string>& args, Language language);

// Names used on the wire between gateway and worker, where an error must keep its identity so that
// the gateway can say it in the caller's language.
std::string_view name_of(Code code);
std::string_view name_of(Message message);
Code code_of_name(std::string_view name);        // Internal when unknown
Message message_of_name(std::string_view name);  // None when unknown

// From an HTTP Accept-Language value or a locale such as zh_CN.UTF-8. Chinese unless English is
// preferred: most readers here read Chinese first.
Language language_of(std::string_view accept_language);

}  // namespace xc
