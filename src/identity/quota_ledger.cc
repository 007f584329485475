#include "identity/quota_ledger.h"

#include <algorithm>

namespace xc::identity {
namespace {

constexpr Meter meter_at(std::size_t i) { return static_cast<Meter>(i); }
constexpr std::int64_t kMinuteNs = 60'000'000'000;

// What a reservation takes of each pot.
std::array<std::int64_t, kMeters> amounts_of(std::int64_t tokens, std::int64_t micro) {
  return {1, tokens, tokens, tokens, micro, micro, 1};
}

std::int64_t granted_or_zero(std::int64_t granted) { return std::max<std::int64_t>(granted, 0); }

Tokens sane(const Tokens& tokens) {
  return Tokens{granted_or_zero(tokens.prompt), granted_or_zero(tokens.cached),
                granted_or_zero(tokens.completion)};
}

}  // namespace

QuotaLedger::QuotaLedger(const Clock& clock) : clock_(clock) {}

QuotaLedger::Now QuotaLedger::now() {
  latest_unix_ms_ = std::max(latest_unix_ms_, clock_.unix_ms());
  Now now{clock_.now(), latest_unix_ms_, day_of(latest_unix_ms_), 0};
  if (now.day != month_of_day_) {
    month_of_day_ = now.day;
    month_ = month_of_day(now.day);
  }
  now.month = month_;
  return now;
}

AccountId QuotaLedger::account_of(Scope scope, std::string_view name) {
  if (name.empty()) return kNoAccount;
  auto& names = by_name_[static_cast<std::size_t>(scope)];
  if (const auto found = names.find(name); found != names.end()) return found->second;
  const auto id = static_cast<AccountId>(accounts_.size());
  Account& account = accounts_.emplace_back();
  account.scope = scope;
  account.name = name;
  names.emplace(account.name, id);
  return id;
}

// Brings a pot to now: rates leak from settled to remaining, a new period begins with nothing
// settled. What is reserved stays: it belongs to the period in which it will be settled.
void QuotaLedger::refresh(Pot& pot, Meter meter, const Now& now) const {
  if (is_budget(meter)) {
    const std::int64_t period = is_daily(meter) ? now.day : now.month;
    if (pot.period == period) return;
    pot.period = period;
    // What is left of a lease goes on; else the whole grant is here again.
    if (is_leased(pot, meter)) {
      pot.here -= pot.settled;
      pot.moved = true;
    } else {
      pot.remaining += pot.settled;
    }
    pot.settled = 0;
    pot.others = 0;
    pot.spent = false;
    pot.alerted = false;
    return;
  }
  if (!is_rate(meter) || pot.settled == 0) {
    pot.leaked = now.steady;
    return;
  }
  std::int64_t leak = pot.settled;  // without a limit nothing is held against anybody
  if (pot.here > 0) {
    const std::int64_t elapsed = std::max<std::int64_t>((now.steady - pot.leaked).count(), 0);
    const __int128 due = static_cast<__int128>(elapsed) * pot.here / kMinuteNs;
    leak = static_cast<std::int64_t>(std::min<__int128>(due, pot.settled));
    // The part of a unit that is not due yet keeps its time.
    const auto used = static_cast<__int128>(leak) * kMinuteNs / pot.here;
    pot.leaked =
        leak == pot.settled ? now.steady : pot.leaked + Duration(static_cast<std::int64_t>(used));
  } else {
    pot.leaked = now.steady;
  }
  pot.settled -= leak;
  pot.remaining += leak;
  if (pot.settled == 0) pot.alerted = false;
}

void QuotaLedger::watch(const Account& account, Meter meter, Pot& pot) {
  if (pot.alerted || pot.granted <= 0 || pot.alert_percent <= 0 || !is_budget(meter)) return;
  const auto used = static_cast<__int128>(pot.others + pot.reserved + pot.settled) * 100;
  if (used < static_cast<__int128>(pot.granted) * pot.alert_percent) return;
  pot.alerted = true;
  const Balance balance{pot.granted, pot.reserved, pot.others + pot.settled, pot.remaining,
                        pot.alert_percent};
  alerts_.push_back(Alert{account.scope, account.name, meter, balance});
}

void QuotaLedger::grant(Scope scope, std::string_view name, Meter meter, std::int64_t granted,
                        int alert_percent) {
  const std::lock_guard held(mutex_);
  const AccountId id = account_of(scope, name);
  if (id == kNoAccount) return;
  Pot& pot = accounts_[id].pots[static_cast<std::size_t>(meter)];
  refresh(pot, meter, now());
  const bool was_leased = is_leased(pot, meter);
  pot.granted = std::clamp(granted, kNoLimit, kGrantedMax);
  if (is_leased(pot, meter) && !was_leased) set_here(pot, pot.reserved + pot.settled);
  set_here(pot, here_of(pot, meter));
  pot.alert_percent = alert_percent;
  pot.alerted = false;
}

void QuotaLedger::price(std::string_view model, const Price& price) {
  const std::lock_guard held(mutex_);
  const AccountId id = account_of(Scope::Model, model);
  if (id != kNoAccount) accounts_[id].price = price;
}

void QuotaLedger::restore(Scope scope, std::string_view name, Meter meter, std::int64_t settled) {
  const std::lock_guard held(mutex_);
  const AccountId id = account_of(scope, name);
  if (id == kNoAccount || !is_budget(meter)) return;
  Pot& pot = accounts_[id].pots[static_cast<std::size_t>(meter)];
  refresh(pot, meter, now());
  pot.settled += settled;
  pot.remaining -= settled;
}

// Whole seconds until a pot may have `needed` left.
int QuotaLedger::wait_s(const Pot& pot, Meter meter, std::int64_t needed, const Now& now) const {
  constexpr __int128 kSecondNs = 1'000'000'000;
  if (!is_rate(meter)) return 1;  // concurrency: when an answer ends
  const __int128 missing = static_cast<__int128>(needed - pot.remaining) * kMinuteNs;
  const __int128 wait = missing / pot.here - (now.steady - pot.leaked).count();
  return static_cast<int>(std::clamp<__int128>((wait + kSecondNs - 1) / kSecondNs, 1, 3'600));
}

std::optional<Refusal> QuotaLedger::refusal_of(const AccountIds& accounts, const Amounts& needed,
                                               const Now& now) {
  std::optional<Refusal> worst;
  for (std::size_t scope = 0; scope < kScopes; ++scope) {
    if (accounts[scope] == kNoAccount) continue;
    Account& account = accounts_[accounts[scope]];
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      refresh(pot, meter_at(m), now);
      const bool enough = needed[m] <= 0 || pot.remaining >= needed[m];
      if (pot.granted == kNoLimit || enough) continue;
      // Of a rate, what is here; of a budget, all of it.
      const std::int64_t limit = is_budget(meter_at(m)) ? pot.granted : pot.here;
      Refusal refusal{account.scope, meter_at(m), limit, needed[m], 0};
      const bool helps = !is_budget(meter_at(m)) && needed[m] <= pot.here;
      const bool asked = pot.spent && now.steady < pot.spent_until;
      refusal.leased = is_leased(pot, meter_at(m)) && !asked;
      if (helps) refusal.retry_after_s = wait_s(pot, meter_at(m), needed[m], now);
      // What waiting does not help against comes first, then the longest wait.
      const bool worse =
          !worst || (worst->leased && !helps && !refusal.leased) ||
          (worst->retry_after_s > 0 && (!helps || refusal.retry_after_s > worst->retry_after_s));
      if (worse) worst = refusal;
    }
  }
  return worst;
}

QuotaLedger::Open QuotaLedger::opened(const Party& party, const Tokens& estimate) {
  Open made;
  made.live = true;
  made.accounts = {account_of(Scope::Key, party.key), account_of(Scope::Workspace, party.workspace),
                   account_of(Scope::Tenant, party.tenant), account_of(Scope::Model, party.model)};
  made.estimate = sane(estimate);
  const AccountId model = made.accounts[static_cast<std::size_t>(Scope::Model)];
  if (model != kNoAccount) made.price = accounts_[model].price;
  made.estimate_micro = cost_of(made.price, made.estimate);
  return made;
}

std::expected<Grant, Refusal> QuotaLedger::reserve(const Party& party, const Tokens& estimate) {
  const std::lock_guard held(mutex_);
  const Now at = now();
  Open made = opened(party, estimate);
  const Amounts needed = amounts_of(made.estimate.all(), made.estimate_micro);
  if (auto refusal = refusal_of(made.accounts, needed, at)) return std::unexpected(*refusal);
  for (const AccountId id : made.accounts) {
    if (id == kNoAccount) continue;
    Account& account = accounts_[id];
    for (std::size_t m = 0; m < kMeters; ++m) {
      Pot& pot = account.pots[m];
      (meter_at(m) == Meter::Requests ? pot.settled : pot.reserved) += needed[m];
      pot.remaining -= needed[m];
      pot.quiet_ticks = 0;
      watch(account, meter_at(m), pot);
    }
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(open_.size()));
    open_.push_back({});
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  made.generation = open_[slot].generation + 1;
  if (made.generation == 0) made.generation = 1;
  open_[slot] = made;
  return Grant{slot, made.generation, made.accounts};
}

std::optional<Refusal> QuotaLedger::extend(Grant grant, const Tokens& more) {
  const std::lock_guard held(mutex_);
  Open* open = find(grant);
  if (open == nullptr) return std::nullopt;
  const Now at = now();
  const Tokens grown = sane(more);
  const Tokens whole{open->estimate.prompt + grown.prompt, 0,
                     open->estimate.completion + grown.completion};
  const std::int64_t micro = cost_of(open->price, whole);
  Amounts needed = amounts_of(grown.all(), micro - open->estimate_micro);
  needed[static_cast<std::size_t>(Meter::Requests)] = 0;
  needed[static_cast<std::size_t>(Meter::Running)] = 0;
  open->estimate = whole;
  open->estimate_micro = micro;
  std::optional<Refusal> overdrawn;
  for (const AccountId id : open->accounts) {
    if (id == kNoAccount) continue;
    Account& account = accounts_[id];
    for (std::size_t m = 0; m < kMeters; ++m) {
      if (needed[m] == 0) continue;
      Pot& pot = account.pots[m];
      refresh(pot, meter_at(m), at);
      pot.reserved += needed[m];
      pot.remaining -= needed[m];
      watch(account, meter_at(m), pot);
      if (!is_budget(meter_at(m)) || pot.granted == kNoLimit || pot.remaining >= 0) continue;
      // The next tick leases more, unless there is no more.
      if (is_leased(pot, meter_at(m)) && !pot.spent && !cut_off_) continue;
      if (!overdrawn) overdrawn = Refusal{account.scope, meter_at(m), pot.granted, needed[m], 0};
    }
  }
  return overdrawn;
}

std::optional<std::int64_t> QuotaLedger::settle(Grant grant, const Tokens& actual) {
  const std::lock_guard held(mutex_);
  Open* open = find(grant);
  if (open == nullptr) return std::nullopt;
  const Now at = now();
  const Tokens spent = sane(actual);
  const std::int64_t cost = cost_of(open->price, spent);
  const Amounts reserved = amounts_of(open->estimate.all(), open->estimate_micro);
  Amounts settled = amounts_of(spent.all(), cost);
  settled[static_cast<std::size_t>(Meter::Running)] = 0;
  for (const AccountId id : open->accounts) {
    if (id == kNoAccount) continue;
    Account& account = accounts_[id];
    for (std::size_t m = 0; m < kMeters; ++m) {
      if (meter_at(m) == Meter::Requests) continue;  // settled when it began
      Pot& pot = account.pots[m];
      refresh(pot, meter_at(m), at);
      pot.reserved -= reserved[m];
      pot.settled += settled[m];
      pot.remaining += reserved[m] - settled[m];
      pot.quiet_ticks = 0;
      watch(account, meter_at(m), pot);
    }
  }
  open->live = false;
  free_.push_back(grant.slot);
  return cost;
}

}  // namespace xc::identity
