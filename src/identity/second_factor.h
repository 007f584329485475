// A user's authenticators: the one in force, and one that waits for its first right code. Internal
// to identity/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "secrets/sealer.h"

namespace xc::identity {

// As the database has them; secrets are sealed, empty: none.
struct SecondFactors {
  std::string in_force;
  std::string waiting;
  std::int64_t last_step =
      0;  // of the last code that was taken; codes from before are worth nothing

  // Whether a login has to say a code.
  bool needed() const { return !in_force.empty(); }
};

struct CodeTaken {
  std::int64_t step = 0;
  bool confirms = false;  // it is of the one that waits, which is in force from now on
};

// Whose code it is; nothing when it is wrong. One that waits counts beside the one in force. Error:
// Unauthorized with CodeNeeded when one is needed and `code` is empty; Unavailable with
// SecondFactorSealed.
Result<std::optional<CodeTaken>> take_code(const secrets::Sealer& sealer,
                                           const std::string& user_id, const SecondFactors& factors,
                                           const std::string& code, std::int64_t now_unix_ms);
// The same of the one that waits alone.
std::optional<CodeTaken> take_first_code(const secrets::Sealer& sealer, const std::string& user_id,
                                         const SecondFactors& factors, const std::string& code,
                                         std::int64_t now_unix_ms);

}  // namespace xc::identity
