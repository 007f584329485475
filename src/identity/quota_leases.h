// Budgets that several gateways on one database share. A gateway leases a slice of a budget and
// hands it out without asking anybody; it asks for more before that is gone, gives back what it
// does not use, and what it held is free again limits::kLeaseLife after it was last heard of.
// Cut off from the database it goes on with what it leased. docs/decisions/0024 has the reasons.
#pragma once

#include <atomic>
#include <expected>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "identity/quota_lease_rows.h"
#include "identity/quota_ledger.h"
#include "store/database.h"

namespace xc::identity {

// Thread-safe; everything but cut_off() blocks on the database. The references outlive it.
class QuotaLeases {
 public:
  // `log`: this gateway's audit log, in hex; no other gateway has it.
  QuotaLeases(store::Database& database, QuotaLedger& ledger, const Clock& clock, std::string log);

  // Forgets what the last process of this gateway held, and makes the budgets agree with the usage
  // table. Once, before anything is reserved.
  Status begin();
  // As the ledger's, after leasing what it found too little of. Refusal::leased is left set when
  // the database is away, or when others were faster again and again: then waiting helps.
  std::expected<Grant, Refusal> reserve(const Party& party, const Tokens& estimate);
  // Renews, leases ahead, gives back what is not used. Every limits::kUsageInterval.
  Status tick();
  // Gives everything back. At the end, after the last roll-up.
  Status release();
  // The database did not answer: until the next tick that works nothing is asked of it.
  void cut_off();
  bool is_away() const { return clock_.now().time_since_epoch().count() < away_until_ns_; }

  // What belongs into the transaction that adds these rows to the usage table.
  std::vector<store::Database::Statement> booked(const std::vector<UsageRow>& rows) const;
  // Of all gateways together: `reserved` is leased and not used yet, `remaining` not leased.
  Result<std::vector<lease_rows::Row>> shared() const { return lease_rows::read_pots(database_); }

 private:
  struct Ask {
    Leased leased;
    std::int64_t want = 0;   // more; below 0: what remains is given back
    std::int64_t least = 0;  // with less than this remaining the budget is spent
  };
  // Under mutex_. One transaction; then the ledger learns what is true.
  Status settle_with(const std::vector<Ask>& asks, std::vector<store::Database::Statement> first);
  Status learn(const std::vector<Ask>& asks);
  void keep(const std::vector<Ask>& asks);

  store::Database& database_;
  QuotaLedger& ledger_;
  const Clock& clock_;
  const std::string log_;
  std::mutex mutex_;  // one conversation with the database at a time
  std::atomic<std::int64_t> away_until_ns_ = 0;
  std::atomic<bool> cut_off_ = false;  // since the last tick
};

}  // namespace xc::identity
