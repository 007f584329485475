#include "gateway/terms.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "base/limits.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kDeadline = "X-Xingcha-Deadline";
constexpr std::string_view kPriority = "X-Xingcha-Priority";
constexpr std::size_t kShownMax = 64;  // of a wrong value, in the error

// Header values may hold any byte: only plain ones go into an error.
std::string shown(std::string_view value) {
  std::string out(value.substr(0, kShownMax));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

std::unexpected<Error> bad_header(std::string_view name, std::string_view value,
                                  std::string wanted) {
  return fail_field(std::string(name), Message::BadHeader,
                    {std::string(name), shown(value), std::move(wanted)});
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes `digits` digits and, unless it is 0, the character behind them.
std::optional<int> take_field(std::string_view& text, std::size_t digits, char behind) {
  const std::size_t length = digits + (behind == 0 ? 0 : 1);
  if (text.size() < length) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (behind != 0 && (text[digits] | 0x20) != (behind | 0x20)) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// ".5" in milliseconds; finer digits are dropped.
std::optional<int> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int ms = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits < 3) ms = ms * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  for (std::size_t i = digits; i < 3; ++i) ms *= 10;
  text.remove_prefix(digits);
  return ms;
}

// "Z" or "+08:00" in minutes; nothing may follow.
std::optional<int> take_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<int> hours = take_field(text, 2, ':');
  const std::optional<int> minutes = take_field(text, 2, 0);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return (*hours * 60 + *minutes) * (east ? 1 : -1);
}

Result<std::int64_t> deadline_ms_of(std::string_view text, std::int64_t now_unix_ms) {
  constexpr std::int64_t kLongest = std::chrono::milliseconds(limits::kRequestTimeout).count();
  if (text.empty()) return kLongest;
  if (const std::optional<std::int64_t> ms = number_in(text); ms && *ms > 0) {
    return std::min(*ms, kLongest);
  }
  const std::optional<std::int64_t> when = unix_ms_of_rfc3339(text);
  if (!when) return bad_header(kDeadline, text, "1, 2, … ms; 2026-01-31T12:00:00Z (RFC 3339)");
  if (*when <= now_unix_ms) return fail(Code::Timeout, Message::Deadline, {"0"});
  return std::min(*when - now_unix_ms, kLongest);
}

Result<Priority> priority_of(std::string_view text) {
  if (text.empty() || text == "normal") return Priority::Normal;
  if (text == "interactive") return Priority::Interactive;
  if (text == "background") return Priority::Background;
  return bad_header(kPriority, text, "interactive, normal, background");
}

}  // namespace

std::optional<std::int64_t> unix_ms_of_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const std::optional<int> y = take_field(text, 4, '-');
  const std::optional<int> m = y ? take_field(text, 2, '-') : std::nullopt;
  const std::optional<int> d = m ? take_field(text, 2, 'T') : std::nullopt;
  const std::optional<int> hour = d ? take_field(text, 2, ':') : std::nullopt;
  const std::optional<int> minute = hour ? take_field(text, 2, ':') : std::nullopt;
  const std::optional<int> second = minute ? take_field(text, 2, 0) : std::nullopt;
  const std::optional<int> ms = second ? take_fraction(text) : std::nullopt;
  const std::optional<int> offset = ms ? take_offset(text) : std::nullopt;
  if (!offset || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;  // 60: a leap one
  const year_month_day date{year(*y), month(static_cast<unsigned>(*m)),
                            day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  const auto since = sys_days(date).time_since_epoch() + hours(*hour) + minutes(*minute - *offset) +
                     seconds(*second) + milliseconds(*ms);
  return duration_cast<milliseconds>(since).count();
}

Result<Terms> terms_of(const net::Request& request, std::int64_t now_unix_ms) {
  Terms terms;
  XC_TRY(terms.deadline_ms, deadline_ms_of(request.headers.get(kDeadline), now_unix_ms));
  XC_TRY(terms.priority, priority_of(request.headers.get(kPriority)));
  return terms;
}

}  // namespace xc::gateway
