// Users whom an OpenID provider vouches for: found by issuer and subject, never by e-mail or name.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "identity/claims.h"
#include "identity/login_state.h"
#include "identity/users.h"
#include "secrets/master_key.h"
#include "store/database.h"

namespace xc::identity {

struct ExternalPerson {
  std::string issuer;
  std::string subject;
  std::string name;  // for lists; one that is taken gets an ending
};

// Keeps nothing in memory but the sealing key. Blocking (database); thread-safe. References must
// outlive it.
class ExternalUsers {
 public:
  ExternalUsers(store::Database& database, Clock& clock, RandomSource& random, UserStore& users,
                const secrets::MasterKey& master);

  // The user that this person is in the tenant; role as placed. Made when there is none and
  // `create` says so. Error: Forbidden with OidcNoTenant, OidcNoUser, or UserOff (a person whom any
  // tenant disabled stays out, whichever tenant the provider names); TenantFull.
  struct Found {
    UserRecord user;
    bool made = false;
  };
  Result<Found> admit(const ExternalPerson& person, const Placement& placement, bool create);
  // Whether the user came here through a provider.
  Result<bool> is_linked(const std::string& user_id) const;

  // True for the first who asks, on any gateway; kept until the login would have expired. Error:
  // RateLimited with LoginThrottled when more came back than are remembered.
  Result<bool> use_state(const LoginState& login);
  // The key of this database, made by the first who asks; the database has it sealed. Error:
  // Unavailable with LoginKeySealed when the master key does not open it.
  Result<SealKey> seal_key();

 private:
  Result<std::optional<UserRecord>> find(const ExternalPerson& person, const std::string& tenant);
  store::Database& database_;
  Clock& clock_;
  RandomSource& random_;
  UserStore& users_;
  const secrets::Sealer shared_keys_;
  std::mutex lock_;
  std::optional<SealKey> key_;
};

}  // namespace xc::identity
