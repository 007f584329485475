// How /admin handlers work: they read the request on the I/O thread and do the rest, which touches
// the database, on the blocking pool.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/call.h"
#include "identity/accounts.h"

namespace xc::gateway {

// The JSON for the caller, or why not. Owns what it needs (but for services, which outlive every
// request): it goes on when the client leaves in the middle of it.
using Work = std::function<Result<std::string>()>;

// Leave to do heavy work: what scans the log or a table, or hashes a password. At most
// limits::kHeavyWorkMax are out at once in the process, so that nobody's scans fill the blocking
// pool. Copies share one leave; the work owns it, since it runs on after its client left.
using Leave = std::shared_ptr<const void>;
// Null when all are out. Thread-safe.
Leave take_leave();
// RateLimited with Retry-After.
std::unexpected<Error> no_leave();

enum class Weight { Light, Heavy };
// Does the work and replies, 200 with its JSON, never to be cached: it may hold a secret. Heavy
// work without leave is refused with no_leave().
Task<Status> answer(Call& call, Result<Work> work, Weight weight = Weight::Light);

// What work takes along: who asks, and the stores.
struct Desk {
  identity::Caller caller;
  identity::KeyStore& keys;
  identity::TenantStore& tenants;
  identity::UserStore& users;
  identity::SessionStore& sessions;
  Clock& clock;
  Books& books;
  std::string request_id;
};
Desk desk_of(const Call& call);

// What was done, for the audit log and the service's own: the request's leaf came before and says
// only what was asked. `tenant` is the subject's: its auditors find the record. Error:
// AuditUnavailable.
Status record(const Desk& desk, std::string_view event, std::string_view tenant,
              const std::string& subject);
// The same of what is done already: an error is logged.
void note(const Desk& desk, std::string_view event, std::string_view tenant,
          const std::string& subject);

// Who said a wrong password or code, at a login or in a session, as one of the bounded records of
// refusals; nothing when `error` is something else. Without the name: people type passwords there.
void note_login_refused(Books& books, const std::string& request_id, const std::string& peer,
                        const Error& error);

}  // namespace xc::gateway
