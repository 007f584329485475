#include "identity/second_factor.h"

#include "base/log.h"
#include "identity/totp.h"

namespace xc::identity {

std::optional<CodeTaken> take_first_code(const secrets::Sealer& sealer, const std::string& user_id,
                                         const SecondFactors& factors, const std::string& code,
                                         std::int64_t now_unix_ms) {
  if (factors.waiting.empty()) return std::nullopt;
  const std::optional<std::string> secret = sealer.unseal({user_id}, factors.waiting);
  if (!secret) {
    log::error("identity", "the master key {} does not open the new second factor of user {}",
               sealer.path(), user_id);
    return std::nullopt;
  }
  // Another secret: what was seen of the one before says nothing of its codes.
  const std::optional<std::int64_t> step = totp_step(*secret, code, now_unix_ms, 0);
  if (!step) return std::nullopt;
  return CodeTaken{*step, true};
}

Result<std::optional<CodeTaken>> take_code(const secrets::Sealer& sealer,
                                           const std::string& user_id, const SecondFactors& factors,
                                           const std::string& code, std::int64_t now_unix_ms) {
  if (!factors.needed()) return take_first_code(sealer, user_id, factors, code, now_unix_ms);
  const std::optional<std::string> secret = sealer.unseal({user_id}, factors.in_force);
  if (!secret) {
    log::error("identity", "the master key {} does not open the second factor of user {}",
               sealer.path(), user_id);
    return fail(Code::Unavailable, Message::SecondFactorSealed);
  }
  if (code.empty()) return fail(Code::Unauthorized, Message::CodeNeeded);
  const auto step = totp_step(*secret, code, now_unix_ms, factors.last_step);
  if (step) return CodeTaken{*step, false};
  return take_first_code(sealer, user_id, factors, code, now_unix_ms);
}

}  // namespace xc::identity
