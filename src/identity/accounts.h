// Tenants, users and their sessions over one database, as the door and the commands take them.
#pragma once

#include <memory>

#include "identity/sessions.h"
#include "identity/tenants.h"
#include "identity/users.h"

namespace xc::identity {

struct Accounts {
  TenantStore tenants;
  UserStore users;
  std::unique_ptr<SessionStore> sessions;

  // Before KeyStore::open: gives a row to tenants that only keys know of. References must outlive
  // it. Error: DatabaseError.
  static Result<std::unique_ptr<Accounts>> open(store::Database& database, Clock& clock,
                                                RandomSource& random) {
    XC_TRY(std::unique_ptr<SessionStore> sessions, SessionStore::open(database, clock, random));
    std::unique_ptr<Accounts> accounts(
        new Accounts{{database, clock, random}, {database, clock, random}, std::move(sessions)});
    XC_CHECK(accounts->tenants.adopt());
    return accounts;
  }
};

}  // namespace xc::identity
