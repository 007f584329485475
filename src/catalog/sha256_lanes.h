// SHA-256 of several byte ranges at once, one in each lane of a vector register: on processors
// without SHA instructions several times as fast as one after the other. Each digest is the
// ordinary one (FIPS 180-4). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::catalog {

// From how many ranges on this is the faster way on this processor; SIZE_MAX: never, OpenSSL's
// code has instructions for it.
std::size_t lanes_pay_from();

// 64 hex digits for each range, in their order. `progress` is told the bytes since the last call;
// false cancels (Message::Cancelled). The ranges are read as they are hashed.
Result<std::vector<std::string>> sha256_of_all(
    const std::vector<std::string_view>& ranges,
    const std::function<bool(std::uint64_t bytes)>& progress);

}  // namespace xc::catalog
