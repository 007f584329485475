// What a caller says about its request in headers: until when, and how urgent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace xc::gateway {

// As engine::RequestContext::priority has it.
enum class Priority : std::uint8_t { Interactive = 0, Normal = 1, Background = 2 };

struct Terms {
  std::int64_t deadline_ms = 0;  // from now, at most limits::kRequestTimeout
  Priority priority = Priority::Normal;
};

// X-Xingcha-Deadline: whole milliseconds from now, or a time as RFC 3339 has it.
// X-Xingcha-Priority: interactive, normal or background. Error: BadHeader with the header's name as
// param; Deadline when the time is over.
Result<Terms> terms_of(const net::Request& request, std::int64_t now_unix_ms);

// "2026-11-22T19:02:56.5+08:00" in milliseconds since 1970; nothing when it is no such time.
std::optional<std::int64_t> unix_ms_of_rfc3339(std::string_view text);

}  // namespace xc::gateway
