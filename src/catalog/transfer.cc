#include "catalog/transfer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

namespace xc::catalog {
namespace {

constexpr std::size_t kErrorBodyBytesMax = 200;  // shown when a server says what is wrong

std::unexpected<Error> failed(std::string text) {
  return fail(Code::Upstream, Message::UpstreamFailed, {std::move(text)});
}

// One request. Callbacks get a pointer to it; it lives on the stack of attempt().
struct Attempt {
  const Transfer& what;
  File& into;
  CURL* curl = nullptr;
  std::uint64_t length = 0;                 // of the file now
  std::optional<std::uint64_t> total = {};  // of Content-Range or Content-Length
  std::uint64_t range_start = 0;
  bool resumed = false;  // a Range was asked for
  bool body_started = false;
  bool cancelled = false;
  std::string error_body = {};
  std::optional<Error> error = {};  // why a callback stopped the request
};

std::optional<std::uint64_t> to_number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

bool starts_with_name(std::string_view line, std::string_view name) {
  return line.size() > name.size() &&
         std::ranges::equal(line.substr(0, name.size()), name, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
}

std::size_t on_header(char* data, std::size_t, std::size_t length, void* user) {
  auto& attempt = *static_cast<Attempt*>(user);
  const std::string_view line(data, length);
  if (line.starts_with("HTTP/")) {  // a new reply: after a redirect or 100 Continue
    attempt.total.reset();
    attempt.range_start = 0;
  } else if (starts_with_name(line, "content-range:")) {  // bytes 5-9/10
    const std::size_t unit = line.find("bytes "), slash = line.find('/');
    if (unit != std::string_view::npos && slash != std::string_view::npos) {
      attempt.range_start = to_number(line.substr(unit + 6)).value_or(0);
      attempt.total = to_number(line.substr(slash + 1));
    }
  } else if (starts_with_name(line, "content-length:") && !attempt.total) {
    attempt.total = to_number(line.substr(line.find(':') + 1));
  }
  return length;
}

long status_of(CURL* curl) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

bool stop(Attempt& attempt, std::unexpected<Error> why) {
  attempt.error = std::move(why.error());
  return false;
}

// At the first byte of a good reply's body: is it the file, and where does it go?
bool begin_body(Attempt& attempt, long status) {
  attempt.body_started = true;
  if (attempt.total && *attempt.total != attempt.what.bytes) {
    return stop(attempt, failed(fmt::format("{} has {} bytes, not {}", attempt.what.url,
                                            *attempt.total, attempt.what.bytes)));
  }
  if (status == 206) {
    if (attempt.resumed && attempt.range_start == attempt.length) return true;
    return stop(attempt, failed("the server sent another range than asked for"));
  }
  if (attempt.length == 0) return true;
  const Status emptied = attempt.into.truncate(0);  // the server ignores ranges: begin again
  if (!emptied) return stop(attempt, std::unexpected(emptied.error()));
  attempt.length = 0;
  return true;
}

std::size_t on_body(char* data, std::size_t, std::size_t length, void* user) {
  auto& attempt = *static_cast<Attempt*>(user);
  const long status = status_of(attempt.curl);
  if (status != 200 && status != 206) {
    const std::size_t room = kErrorBodyBytesMax - attempt.error_body.size();
    attempt.error_body.append(data, std::min(room, length));
    return length;
  }
  if (!attempt.body_started && !begin_body(attempt, status)) return 0;
  if (length > attempt.what.bytes - attempt.length) {
    stop(attempt,
         failed(fmt::format("{} is longer than {} bytes", attempt.what.url, attempt.what.bytes)));
    return 0;
  }
  const Status written =
      attempt.into.write_at(attempt.length, std::string_view(data, length), attempt.what.bytes);
  if (!written) {
    stop(attempt, std::unexpected(written.error()));
    return 0;
  }
  attempt.length += length;
  return length;
}

bool wants_more(const Transfer& what, std::uint64_t done) {
  return !what.progress || what.progress(done);
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& attempt = *static_cast<Attempt*>(user);
  attempt.cancelled = !wants_more(attempt.what, attempt.length);
  return attempt.cancelled ? 1 : 0;
}

void set_options(Attempt& attempt, char* error_text) {
  CURL* curl = attempt.curl;
  const bool secure = attempt.what.url.starts_with("https:");
  curl_easy_setopt(curl, CURLOPT_URL, attempt.what.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  // A redirect may not leave TLS.
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, limits::kTransferRedirectsMax);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(limits::kTransferConnectTimeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                   static_cast<long>(attempt.what.stall_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "xingcha");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &attempt);
}

struct Outcome {
  Status status;
  std::uint64_t length = 0;
  bool retry = false;  // worth another try
};

Outcome refused(const Attempt& attempt, long http) {
  std::string text = fmt::format("{}: HTTP {}", attempt.what.url, http);
  if (http >= 500 && !attempt.error_body.empty()) text += " " + attempt.error_body;
  const bool retry = http == 408 || http == 429 || http >= 500;
  return {failed(std::move(text)), attempt.length, retry};
}

Outcome run(const Transfer& what, File& into, std::uint64_t length) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (curl == nullptr) return {failed("libcurl does not start"), length, false};
  Attempt attempt{
      .what = what, .into = into, .curl = curl.get(), .length = length, .resumed = length > 0};
  char error_text[CURL_ERROR_SIZE] = {};
  set_options(attempt, error_text);
  const std::string range = fmt::format("{}-", length);
  if (attempt.resumed) curl_easy_setopt(curl.get(), CURLOPT_RANGE, range.c_str());

  const CURLcode code = curl_easy_perform(curl.get());
  if (attempt.cancelled) {
    return {fail(Code::Cancelled, Message::Cancelled, {what.url}), attempt.length, false};
  }
  if (attempt.error) {
    return {std::unexpected(std::move(*attempt.error)), attempt.length, false};
  }
  const long http = status_of(curl.get());
  if (code == CURLE_OK && http != 200 && http != 206) return refused(attempt, http);
  if (code == CURLE_OK) {
    if (attempt.length == what.bytes) return {Status(), attempt.length, false};
    return {
        failed(fmt::format("{} ends after {} of {} bytes", what.url, attempt.length, what.bytes)),
        attempt.length, true};
  }
  const char* why = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
  // A hub that cannot be reached or trusted will not be in a second; the next source may be.
  const bool hopeless = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
                        code == CURLE_COULDNT_CONNECT || code == CURLE_PEER_FAILED_VERIFICATION ||
                        code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                        code == CURLE_TOO_MANY_REDIRECTS ||
                        (code == CURLE_OPERATION_TIMEDOUT && http == 0);
  return {failed(fmt::format("{}: {}", what.url, why)), attempt.length, !hopeless};
}

// False: cancelled meanwhile.
bool wait(const Transfer& what, std::uint64_t done, std::chrono::milliseconds delay) {
  constexpr std::chrono::milliseconds kSlice{100};
  for (auto left = delay; left.count() > 0; left -= kSlice) {
    if (!wants_more(what, done)) return false;
    std::this_thread::sleep_for(std::min(left, kSlice));
  }
  return true;
}

}  // namespace

Status transfer(const Transfer& what, File& into) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, by the language
  if (started != CURLE_OK) return failed("libcurl does not start");
  XC_TRY(const FileStamp stamp, into.stamp());
  std::uint64_t length = stamp.bytes;
  if (length > what.bytes) {
    XC_CHECK(into.truncate(0));
    length = 0;
  }
  auto delay = what.retry_delay;
  for (int fruitless = 0; length < what.bytes;) {
    const std::uint64_t before = length;
    Outcome outcome = run(what, into, length);
    length = outcome.length;
    if (outcome.status) continue;
    const bool progressed = length > before;
    fruitless = progressed ? 0 : fruitless + 1;
    if (progressed) delay = what.retry_delay;
    if (!outcome.retry || fruitless > limits::kTransferRetriesMax) return outcome.status;
    if (!wait(what, length, delay)) return fail(Code::Cancelled, Message::Cancelled, {what.url});
    delay *= 2;
  }
  return {};
}

}  // namespace xc::catalog
