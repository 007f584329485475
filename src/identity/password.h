// Passwords as argon2id in its encoded form, which carries the parameters: they can grow later.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace xc::identity {

// About 30 ms and 19 MiB: never on an I/O thread. Error: BadLength outside
// limits::kPasswordBytesMin … Max.
Result<std::string> hash_password(std::string_view password, RandomSource& random);
// The same cost whatever the outcome. False for an encoded form that cannot be read.
bool password_matches(const std::string& encoded, std::string_view password);
// No password matches it; costs as much to find out as any other.
const std::string& nobodys_hash();

}  // namespace xc::identity
