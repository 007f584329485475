// The ledger's side of budgets that several gateways share: what of a grant is here. The database's
// side is in quota_leases.cc.
#include <algorithm>

#include "base/limits.h"
#include "identity/quota_ledger.h"

namespace xc::identity {
namespace {

constexpr Meter meter_at(std::size_t i) { return static_cast<Meter>(i); }

}  // namespace

bool QuotaLedger::is_leased(const Pot& pot, Meter meter) const {
  return leases_ && is_budget(meter) && pot.granted != kNoLimit;
}

// What of the grant is here. A leased budget's changes by leases alone: of a grant that is lowered,
// what was leased may still be spent.
std::int64_t QuotaLedger::here_of(const Pot& pot, Meter meter) const {
  if (is_leased(pot, meter)) return pot.here;
  const std::int64_t granted = std::max<std::int64_t>(pot.granted, 0);
  return is_budget(meter) ? granted : (granted + gateways_ - 1) / gateways_;
}

void QuotaLedger::set_here(Pot& pot, std::int64_t here) {
  pot.remaining += here - pot.here;
  pot.here = here;
}

void QuotaLedger::lease_budgets() {
  const std::lock_guard held(mutex_);
  leases_ = true;
}

std::int64_t QuotaLedger::period_of(Meter meter) {
  const std::lock_guard held(mutex_);
  const Now at = now();
  return is_daily(meter) ? at.day : at.month;
}

Leased QuotaLedger::view_of(const Account& account, Meter meter, const Pot& pot) const {
  return Leased{account.scope, account.name, meter,         pot.period, pot.granted,     pot.here,
                pot.reserved,  pot.settled,  pot.remaining, 0,          pot.quiet_ticks, pot.moved};
}

std::vector<Leased> QuotaLedger::shortages(const Party& party, const Tokens& estimate) {
  const std::lock_guard held(mutex_);
  const Now at = now();
  const Open made = opened(party, estimate);
  std::vector<Leased> all;
  for (const AccountId id : made.accounts) {
    if (id == kNoAccount) continue;
    Account& account = accounts_[id];
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      if (!is_leased(pot, meter_at(m))) continue;
      refresh(pot, meter_at(m), at);
      const bool money = meter_at(m) == Meter::MoneyDay || meter_at(m) == Meter::MoneyMonth;
      const std::int64_t needed = money ? made.estimate_micro : made.estimate.all();
      if (needed <= 0 || pot.remaining >= needed) continue;
      all.push_back(view_of(account, meter_at(m), pot));
      all.back().needed = needed;
    }
  }
  return all;
}

std::vector<Leased> QuotaLedger::leased() {
  const std::lock_guard held(mutex_);
  const Now at = now();
  std::vector<Leased> all;
  for (Account& account : accounts_) {
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      if (!is_leased(pot, meter_at(m))) continue;
      refresh(pot, meter_at(m), at);
      if (pot.remaining == 0 && pot.reserved == 0) continue;
      pot.quiet_ticks = pot.reserved == 0 ? pot.quiet_ticks + 1 : 0;
      all.push_back(view_of(account, meter_at(m), pot));
    }
  }
  return all;
}

QuotaLedger::Pot* QuotaLedger::pot_of(const Leased& leased) {
  const AccountId id = account_of(leased.scope, leased.name);
  if (id == kNoAccount) return nullptr;
  Pot& pot = accounts_[id].pots[static_cast<std::size_t>(leased.meter)];
  refresh(pot, leased.meter, now());
  return pot.period == leased.period && is_leased(pot, leased.meter) ? &pot : nullptr;
}

void QuotaLedger::lease(const Leased& of, std::int64_t here, std::int64_t others, bool spent) {
  const std::lock_guard held(mutex_);
  Pot* const pot = pot_of(of);
  if (pot == nullptr) return;
  set_here(*pot, here);
  if (others >= 0) pot->others = others;
  pot->spent = spent;
  pot->moved = false;
  pot->spent_until = clock_.now() + limits::kLeaseSpentFresh;
  watch(accounts_[account_of(of.scope, of.name)], of.meter, *pot);
}

std::int64_t QuotaLedger::give_back(const Leased& of) {
  const std::lock_guard held(mutex_);
  Pot* const pot = pot_of(of);
  if (pot == nullptr || pot->remaining <= 0) return 0;
  const std::int64_t given = pot->remaining;
  set_here(*pot, pot->here - given);
  return given;
}

void QuotaLedger::share_rates(int gateways) {
  const std::lock_guard held(mutex_);
  if (gateways < 1 || gateways == gateways_) return;
  gateways_ = gateways;
  const Now at = now();
  for (Account& account : accounts_) {
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      refresh(pot, meter_at(m), at);
      set_here(pot, here_of(pot, meter_at(m)));
    }
  }
}

}  // namespace xc::identity
