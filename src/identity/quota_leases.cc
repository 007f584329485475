#include "identity/quota_leases.h"

#include <algorithm>
#include <tuple>

#include "base/limits.h"
#include "base/log.h"

namespace xc::identity {
namespace {

std::int64_t slice_of(const Leased& leased) {
  return std::max<std::int64_t>(leased.granted / limits::kLeaseSlices, 1);
}

bool same_budget(const lease_rows::Row& row, const Leased& leased) {
  return std::tie(row.scope, row.name, row.meter, row.period) ==
         std::tie(leased.scope, leased.name, leased.meter, leased.period);
}

}  // namespace

QuotaLeases::QuotaLeases(store::Database& database, QuotaLedger& ledger, const Clock& clock,
                         std::string log)
    : database_(database), ledger_(ledger), clock_(clock), log_(std::move(log)) {
  ledger_.lease_budgets();
}

Status QuotaLeases::begin() {
  const std::lock_guard held(mutex_);
  XC_TRY(const std::vector<lease_rows::Row> pots, lease_rows::read_pots(database_));
  std::vector<store::Database::Statement> statements = lease_rows::drop(log_, false);
  for (const lease_rows::Row& pot : pots) {
    if (pot.period != ledger_.period_of(pot.meter)) continue;
    statements.push_back(lease_rows::correct_pot(pot.scope, pot.name, pot.meter, pot.period));
  }
  return database_.transaction(statements);
}

Status QuotaLeases::release() {
  const std::lock_guard held(mutex_);
  return database_.transaction(lease_rows::drop(log_, true));
}

std::vector<store::Database::Statement> QuotaLeases::booked(
    const std::vector<UsageRow>& rows) const {
  return lease_rows::book(log_, rows);
}

void QuotaLeases::cut_off() {
  const SteadyTime until = clock_.now() + limits::kLeaseAwayPause;
  away_until_ns_ = until.time_since_epoch().count();
  cut_off_ = true;
  ledger_.cut_off(true);
}

std::expected<Grant, Refusal> QuotaLeases::reserve(const Party& party, const Tokens& estimate) {
  const std::lock_guard held(mutex_);
  for (int tries = 0;; ++tries) {
    std::expected<Grant, Refusal> grant = ledger_.reserve(party, estimate);
    if (grant || !grant.error().leased || tries == limits::kLeaseTriesMax) return grant;
    if (is_away()) return grant;
    std::vector<Ask> asks;
    for (const Leased& leased : ledger_.shortages(party, estimate)) {
      asks.push_back({leased, leased.needed - leased.remaining + slice_of(leased), leased.needed});
    }
    const Status leased = settle_with(asks, {lease_rows::lock()});
    if (leased) continue;
    log::warn("quota", "no more of a budget can be leased: {}",
              text_of(leased.error(), Language::En));
    cut_off();
    return grant;
  }
}

Status QuotaLeases::tick() {
  const std::lock_guard held(mutex_);
  const bool back = cut_off_;
  std::vector<Ask> asks;
  for (const Leased& leased : ledger_.leased()) {
    const std::int64_t slice = slice_of(leased);
    const std::int64_t missing = slice - leased.remaining;
    if (leased.quiet_ticks >= limits::kLeaseQuietTicks) {
      if (ledger_.give_back(leased) > 0) asks.push_back({leased, -1, 0});
    } else if (leased.quiet_ticks <= 1 && missing > slice / 2) {
      asks.push_back({leased, missing, 0});
    } else if (back || leased.moved) {
      // Its row may be gone, or is of the last period: it is made again.
      asks.push_back({leased, std::max<std::int64_t>(missing, 0), 0});
    }
    if (asks.size() >= limits::kLeasesPerTick) break;
  }
  const Status renewed = settle_with(asks, lease_rows::renew(log_));
  if (!renewed) {
    keep(asks);
    return renewed;
  }
  XC_TRY(const int gateways, lease_rows::gateways(database_));
  ledger_.share_rates(gateways);
  ledger_.cut_off(false);
  cut_off_ = false;
  away_until_ns_ = 0;
  return {};
}

// What could not be given back is kept, and given back later.
void QuotaLeases::keep(const std::vector<Ask>& asks) {
  for (const Ask& ask : asks) {
    if (ask.want < 0) ledger_.lease(ask.leased, ask.leased.here, -1, false);
  }
}

// Whether it worked or not, what is leased is read back before it counts: a commit whose answer
// was lost leases nothing twice.
Status QuotaLeases::settle_with(const std::vector<Ask>& asks,
                                std::vector<store::Database::Statement> first) {
  for (const Ask& ask : asks) {
    const Leased& leased = ask.leased;
    if (ask.want < 0) {
      first.push_back(lease_rows::give_back(log_, leased));
      continue;
    }
    first.push_back(lease_rows::open_pot(leased.scope, leased.name, leased.meter, leased.period));
    first.push_back(lease_rows::open_lease(log_, leased));
    first.push_back(lease_rows::take(log_, leased, ask.want));
  }
  XC_CHECK(database_.transaction(first));
  return asks.empty() ? Status() : learn(asks);
}

Status QuotaLeases::learn(const std::vector<Ask>& asks) {
  XC_TRY(const std::vector<lease_rows::Row> rows, lease_rows::read(database_, log_));
  for (const Ask& ask : asks) {
    const Leased& leased = ask.leased;
    const auto found = std::ranges::find_if(
        rows, [&leased](const lease_rows::Row& row) { return same_budget(row, leased); });
    // Without a row the budget is in another period there, or has no limit any more.
    if (found == rows.end()) continue;
    const std::int64_t others = found->settled + found->held - found->taken;
    const std::int64_t remaining = found->taken - leased.reserved - leased.settled;
    ledger_.lease(leased, found->taken, others, ask.want > 0 && remaining < ask.least);
  }
  return {};
}

}  // namespace xc::identity
