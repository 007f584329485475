// What a request says after the '?'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::gateway {

// The first value of this name, percent-decoded; nothing when it is not there.
std::optional<std::string> query_value(std::string_view query, std::string_view name);
// A whole number; `otherwise` when it is not there. Error: OutOfRange, WrongType.
Result<std::int64_t> query_number(std::string_view query, std::string_view name, std::int64_t low,
                                  std::int64_t high, std::int64_t otherwise);
// A time from 1970 to 9999: Unix milliseconds, or as RFC 3339 has it. Error: BadValue, OutOfRange.
Result<std::int64_t> query_time(std::string_view query, std::string_view name,
                                std::int64_t otherwise);

// The same of a text that stands elsewhere, such as a member of a body.
Result<std::int64_t> time_of(std::string_view name, std::string_view text);

}  // namespace xc::gateway
