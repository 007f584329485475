// Logging in, and the sessions that come of it. A session's token is as long as a key and hashed
// the same way; it opens /admin routes and calls no model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "identity/caller.h"
#include "identity/users.h"
#include "secrets/master_key.h"
#include "store/database.h"

namespace xc::identity {

// By its beginning a token is told from a key.
inline constexpr std::string_view kTokenPrefix = "xcs-";

struct LoginRequest {
  std::string tenant;
  std::string name;
  std::string password;
  std::string code;  // of the authenticator, when the user has one
  std::string peer;  // as net::Request has it
};

struct Session {
  std::string token;  // shown once
  std::int64_t expires_unix_ms = 0;
  UserRecord user;
};

// Whom a session of this user stands for.
Caller caller_of(const UserRecord& user);

class SessionStore {
 public:
  // Loads what is still valid. References must outlive the store.
  static Result<std::unique_ptr<SessionStore>> open(store::Database& database, Clock& clock,
                                                    RandomSource& random,
                                                    const secrets::MasterKey& master);
  ~SessionStore();

  // Blocking (database, argon2); thread-safe; one at a time. Every refusal is the same sentence and
  // the same work, so that nobody learns which names exist. Error: Unauthorized with BadLogin, or
  // CodeNeeded when all else is right; Unavailable with SecondFactorSealed when the password is
  // right and the master key does not open the user's second factor; RateLimited with
  // LoginThrottled after too many failures from this address, or when too many wait. After
  // limits::kLoginFailuresMax failures in a row the account is locked for limits::kLoginLockout,
  // whoever asks.
  Result<Session> login(const LoginRequest& request);
  // The user's new authenticator is in force from now on, when the code is one of it; all sessions
  // of the user end. Blocking; counts, locks and throttles as a login does. Error: Conflict with
  // NothingToConfirm; Unauthorized with BadLogin; RateLimited.
  Status confirm_totp(const std::string& user_id, const std::string& code, const std::string& peer);
  // A session for whom somebody else vouches (an OpenID provider): no password, no code. Blocking;
  // thread-safe. Error: Forbidden with UserOff when the user is disabled or its tenant suspended.
  Result<Session> admit(const std::string& user_id);
  // Hot enough: one hash, one look-up, no database. Error: Unauthorized with BadKey.
  Result<Caller> verify(std::string_view token) const;
  // Addresses from which logins are refused now.
  int sources_refused() const;
  // Blocking. Ends this one session; unknown tokens are no error.
  Status logout(std::string_view token);

  // Blocking. Sessions as the database has them: after users changed, here or elsewhere.
  Status reload();
  Status refresh();

 private:
  struct Parts;
  explicit SessionStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::identity
