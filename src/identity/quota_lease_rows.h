// The statements of leased budgets (migrations.cc, step 5). PostgreSQL's; times are the server's,
// so that clocks of gateways need not agree. Every transaction that touches them takes one lock
// first: sums over rows that another one is changing would be wrong.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "identity/quota_ledger.h"
#include "identity/quota_usage.h"
#include "store/database.h"

namespace xc::identity::lease_rows {

using Statement = store::Database::Statement;

Statement lock();
// Adds what was used to the budgets it belongs to, and to this gateway's leases of them.
std::vector<Statement> book(const std::string& log, const std::vector<UsageRow>& rows);
// Makes the budget's row for this period from the usage so far, when there is none.
Statement open_pot(Scope scope, const std::string& name, Meter meter, std::int64_t period);
// Makes it what the usage table says: a gateway of an older program adds usage and no more.
Statement correct_pot(Scope scope, const std::string& name, Meter meter, std::int64_t period);
// Makes this gateway's row for this period: taken is what it has reserved and settled already.
Statement open_lease(const std::string& log, const Leased& leased);
// At most `want` more, and no more than is left.
Statement take(const std::string& log, const Leased& leased, std::int64_t want);
// Leaves it what it has reserved and settled.
Statement give_back(const std::string& log, const Leased& leased);
// This gateway lives, and so do its leases; what was not renewed for limits::kLeaseLife goes.
std::vector<Statement> renew(const std::string& log);
// All that this gateway holds; `leave`: it ends, and is not counted any more.
std::vector<Statement> drop(const std::string& log, bool leave);

struct Row {
  Scope scope = Scope::Key;
  std::string name;
  Meter meter = Meter::TokensDay;
  std::int64_t period = 0;
  std::int64_t taken = 0, used = 0;  // by this gateway
  std::int64_t settled = 0;          // by all
  std::int64_t held = 0;             // leased by all and not used
};
// This gateway's leases.
Result<std::vector<Row>> read(store::Database& database, const std::string& log);
// Every budget that has a row; taken and used are 0.
Result<std::vector<Row>> read_pots(store::Database& database);
Result<int> gateways(store::Database& database);
// Those that were alive within limits::kLeaseLife, by their audit logs.
Result<std::vector<std::string>> running(store::Database& database);

}  // namespace xc::identity::lease_rows
