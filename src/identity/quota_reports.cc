// The ledger's answers to questions; its bookings are in quota_ledger.cc.
#include "identity/quota_ledger.h"

#include <algorithm>
#include <utility>

namespace xc::identity {

const QuotaLedger::Open* QuotaLedger::find(Grant grant) const {
  if (grant.generation == 0 || grant.slot >= open_.size()) return nullptr;
  const Open& open = open_[grant.slot];
  return open.live && open.generation == grant.generation ? &open : nullptr;
}

QuotaLedger::Open* QuotaLedger::find(Grant grant) {
  return const_cast<Open*>(static_cast<const QuotaLedger*>(this)->find(grant));
}

std::string QuotaLedger::name_of(AccountId id) const {
  const std::lock_guard held(mutex_);
  return id < accounts_.size() ? accounts_[id].name : std::string();
}

Balance QuotaLedger::balance(Scope scope, std::string_view name, Meter meter) {
  const std::lock_guard held(mutex_);
  const auto& names = by_name_[static_cast<std::size_t>(scope)];
  const auto found = names.find(name);
  if (found == names.end()) return {};
  Pot& pot = accounts_[found->second].pots[static_cast<std::size_t>(meter)];
  refresh(pot, meter, now());
  return Balance{pot.granted, pot.reserved, pot.settled, pot.remaining, pot.alert_percent};
}

std::vector<Alert> QuotaLedger::take_alerts() {
  const std::lock_guard held(mutex_);
  return std::exchange(alerts_, {});
}

std::vector<Alert> QuotaLedger::alerted() {
  const std::lock_guard held(mutex_);
  const Now at = now();
  std::vector<Alert> alerts;
  for (Account& account : accounts_) {
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      const auto meter = static_cast<Meter>(m);
      if (pot.granted == kNoLimit || !is_budget(meter)) continue;
      refresh(pot, meter, at);     // a new period begins without it
      watch(account, meter, pot);  // what an earlier process used counts before the next request
      if (!pot.alerted) continue;
      alerts.push_back({account.scope,
                        account.name,
                        meter,
                        {pot.granted, pot.reserved, pot.others + pot.settled, pot.remaining,
                         pot.alert_percent}});
    }
  }
  return alerts;
}

QuotaLedger::Audit QuotaLedger::audit() {
  const std::lock_guard held(mutex_);
  Audit audit;
  const Now at = now();
  std::vector<Amounts> reserved(accounts_.size());  // counted anew, from what is open
  for (const Open& open : open_) {
    if (!open.live) continue;
    ++audit.open;
    const std::int64_t tokens = open.estimate.all();
    const Amounts amounts{0, tokens, tokens, tokens, open.estimate_micro, open.estimate_micro, 1};
    for (const AccountId id : open.accounts) {
      if (id == kNoAccount) continue;
      for (std::size_t m = 0; m < kMeters; ++m) reserved[id][m] += amounts[m];
    }
  }
  for (std::size_t id = 0; id < accounts_.size(); ++id) {
    Account& account = accounts_[id];
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      refresh(pot, static_cast<Meter>(m), at);
      const std::int64_t granted = std::max<std::int64_t>(pot.granted, 0);
      const bool whole = pot.reserved + pot.settled + pot.remaining == pot.here;
      if (!whole || pot.reserved != reserved[id][m] || pot.settled < 0) audit.conserved = false;
      if (pot.granted == kNoLimit) continue;
      Sums& sums = audit.sums[static_cast<std::size_t>(account.scope)][m];
      sums.granted += granted;
      sums.reserved += pot.reserved;
      sums.settled += pot.settled;
      sums.remaining += pot.remaining;
      sums.elsewhere += granted - pot.here;
    }
  }
  return audit;
}

}  // namespace xc::identity
