// Tenants, users and their sessions over one database, as the door and the commands take them.
#pragma once

#include <memory>

#include "identity/external_users.h"
#include "identity/sessions.h"
#include "identity/tenants.h"
#include "identity/users.h"

namespace xc::identity {

struct Accounts {
  TenantStore tenants;
  UserStore users;
  std::unique_ptr<SessionStore> sessions;
  ExternalUsers external;  // refers to users

  Accounts(store::Database& database, Clock& clock, RandomSource& random,
           const secrets::MasterKey& master, std::unique_ptr<SessionStore> opened)
      : tenants(database, clock, random),
        users(database, clock, random, master),
        sessions(std::move(opened)),
        external(database, clock, random, users, master) {}
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  // Before KeyStore::open: gives a row to tenants that only keys know of. References must outlive
  // it. Error: DatabaseError.
  static Result<std::unique_ptr<Accounts>> open(store::Database& database, Clock& clock,
                                                RandomSource& random,
                                                const secrets::MasterKey& master) {
    XC_TRY(std::unique_ptr<SessionStore> sessions,
           SessionStore::open(database, clock, random, master));
    auto accounts =
        std::make_unique<Accounts>(database, clock, random, master, std::move(sessions));
    XC_CHECK(accounts->tenants.adopt());
    return accounts;
  }
};

}  // namespace xc::identity
