// What of this room lies in the database sealed under the master key: secrets that are needed
// again, so that they cannot be hashed.
#pragma once

#include <string_view>

#include "secrets/sealed_column.h"

namespace xc::identity {

// Secrets of authenticators; each opens for one user (by id) only.
inline constexpr secrets::Kind kSecondFactors{"second factors", "second factor"};
secrets::SealedColumn second_factor_column();
// Of those that wait for their first right code.
secrets::SealedColumn new_second_factor_column();

// Keys that gateways of one database share; each opens under its name only.
inline constexpr secrets::Kind kSharedKeys{"keys that gateways share", "shared key"};
inline constexpr std::string_view kLoginStateKey = "login_state_key";
// A rotation drops the key of logins that are on their way: it could be read before, and the next
// login makes another.
secrets::SealedColumn shared_key_column();

}  // namespace xc::identity
