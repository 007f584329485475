#include "gateway/query.h"

#include <charconv>

#include "base/limits.h"
#include "gateway/terms.h"

namespace xc::gateway {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit_of(text[i + 1]) >= 0 &&
                        digit_of(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Something that may stand in an error.
std::string shown(std::string_view value) {
  constexpr std::size_t kMax = 64;
  std::string text(value.substr(0, kMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return text;
}

}  // namespace

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(field.find('='), field.size());
    if (decoded(field.substr(0, equals)) != name) continue;
    return decoded(field.substr(std::min(equals + 1, field.size())));
  }
  return std::nullopt;
}

Result<std::int64_t> query_number(std::string_view query, std::string_view name, std::int64_t low,
                                  std::int64_t high, std::int64_t otherwise) {
  const std::optional<std::string> text = query_value(query, name);
  if (!text) return otherwise;
  const std::optional<std::int64_t> number = whole_number(*text);
  if (number && *number >= low && *number <= high) return *number;
  return fail_field(std::string(name), Message::OutOfRange,
                    {std::string(name), std::to_string(low), std::to_string(high), shown(*text)});
}

Result<std::int64_t> query_time(std::string_view query, std::string_view name,
                                std::int64_t otherwise) {
  const std::optional<std::string> text = query_value(query, name);
  return text ? time_of(name, *text) : otherwise;
}

Result<std::int64_t> time_of(std::string_view name, std::string_view text) {
  std::optional<std::int64_t> time = whole_number(text);
  if (!time) time = unix_ms_of_rfc3339(text);
  if (time && *time > limits::kQueryTimeMax) {
    return fail_field(std::string(name), Message::OutOfRange,
                      {std::string(name), "0", std::to_string(limits::kQueryTimeMax), shown(text)});
  }
  if (time && *time >= 0) return *time;
  return fail_field(std::string(name), Message::BadValue,
                    {std::string(name), shown(text), "2026-11-22T19:02:56+08:00, 1795345376000"});
}

}  // namespace xc::gateway
