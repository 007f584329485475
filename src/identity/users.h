// People who administer: name, role, password, authenticator. Logging in is sessions.h.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "identity/caller.h"
#include "secrets/master_key.h"
#include "store/database.h"

namespace xc::identity {

struct UserSpec {
  std::string name;  // unique in its tenant
  std::string tenant = std::string(kFirstTenant);
  Role role = Role::Developer;
  std::string password;
  // Who the user is at an OpenID provider. Then there is no password; one may be set later.
  std::string issuer = {};
  std::string subject = {};
};

struct UserRecord {
  std::string id;  // 32 hex digits
  std::string tenant;
  std::string name;
  Role role = Role::None;
  bool totp = false;          // an authenticator is in force
  bool totp_waiting = false;  // one waits for its first right code
  std::int64_t created_unix_ms = 0;
  std::optional<std::int64_t> last_login_unix_ms;
  std::optional<std::int64_t> locked_until_unix_ms;
  std::optional<std::int64_t> disabled_unix_ms;
};

// Keeps nothing in memory. Blocking (database, argon2); thread-safe. References must outlive it.
// What ends a user's sessions (a new password, no authenticator any more, disabling) takes them out
// of the database; the SessionStore must read again (reload).
class UserStore {
 public:
  UserStore(store::Database& database, Clock& clock, RandomSource& random,
            const secrets::MasterKey& master);

  // Error: BadSetting, BadLength (password), NoSuchTenant, NameTaken, SubjectTaken, TenantFull,
  // DatabaseError.
  // platform_admin is for the first tenant only; none is no role for a user.
  Result<UserRecord> create(const UserSpec& spec);
  Result<std::vector<UserRecord>> list() const;
  // Whom failed logins locked out for now.
  Result<std::vector<UserRecord>> locked() const;
  // NotFound with NoSuchUser.
  Result<UserRecord> find(const std::string& id) const;
  Result<UserRecord> find(const std::string& tenant, const std::string& name) const;
  // Also takes the lock away. Error: BadLength, NoSuchUser.
  Status set_password(const std::string& id, std::string_view password);
  // The new secret (base32), which the database gets sealed. It is in force when a first right code
  // of it was seen, in a login or by SessionStore::confirm_totp, and until then the one before is;
  // at once where the master key does not open that.
  Result<std::string> enable_totp(const std::string& id);
  Status disable_totp(const std::string& id);
  Status disable(const std::string& id);
  // Back in, with the password and authenticator of before. Also takes a lock away.
  Status enable(const std::string& id);
  // Sessions of the user have it as soon as the SessionStore has read again. Error: BadSetting.
  Status set_role(const std::string& id, Role role);

 private:
  // `set`: "column = :p0", which gets `value`.
  Status change(const std::string& id, std::string_view set, store::Value value);
  Result<UserRecord> find_where(std::string_view condition, std::vector<store::Value> values,
                                const std::string& shown) const;
  Result<std::vector<UserRecord>> list_where(std::string_view condition,
                                             const std::vector<store::Value>& values) const;
  store::Database& database_;
  Clock& clock_;
  RandomSource& random_;
  const secrets::Sealer second_factors_;
  std::mutex adding_;  // what is counted stays so until the row is there
};

}  // namespace xc::identity
