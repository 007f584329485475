// Who may spend how much, and what was spent: accounts, reservations, settlements. Pure: no disk,
// no network, time is injected. docs/operating/quota.md has the rules in words.
//
// For every pot of every account, always:  reserved + settled + remaining = here, and here is what
// is granted. Only of several gateways on one database each has a part of the grant here, and the
// rest is elsewhere: of budgets what it leased (quota_leases.h), of rates an even share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "identity/quota_terms.h"

namespace xc::identity {

// The accounts of one caller's request. The model's name is one of those installed.
struct Party {
  std::string_view key, workspace, tenant, model;  // empty: no such account
};
using AccountId = std::uint32_t;
inline constexpr AccountId kNoAccount = ~AccountId{0};
using AccountIds = std::array<AccountId, kScopes>;  // by Scope

// A reservation that is open. Copies mean the same one; settling it twice does nothing.
struct Grant {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: none
  AccountIds accounts{};
};

// Why a request may not run now.
struct Refusal {
  Scope scope = Scope::Key;
  Meter meter = Meter::Requests;
  std::int64_t granted = 0;
  std::int64_t needed = 0;
  int retry_after_s = 0;  // 0: waiting does not help
  bool leased = false;    // a budget of which more may be leased: QuotaLeases::reserve
};

// A leased budget, as it stands at this gateway.
struct Leased {
  Scope scope = Scope::Key;
  std::string name;
  Meter meter = Meter::TokensDay;
  std::int64_t period = 0;  // day or month
  std::int64_t granted = 0, here = 0, reserved = 0, settled = 0, remaining = 0;
  std::int64_t needed = 0;  // of the request that found too little
  int quiet_ticks = 0;      // since it was last used
  bool moved = false;       // to another period since the database was asked
};

struct Balance {
  std::int64_t granted = kNoLimit, reserved = 0, settled = 0;
  std::int64_t remaining = 0;  // below 0: more was spent than was set aside
  int alert_percent = 0;
};

// A pot whose reserved and settled reached alert_percent of what is granted: once a period.
struct Alert {
  Scope scope = Scope::Key;
  std::string name;
  Meter meter = Meter::Requests;
  Balance balance;
};

// Thread-safe; one lock, held for about a µs. Memory grows with the accounts that were ever named:
// keys, workspaces, tenants and installed models, all bounded elsewhere.
class QuotaLedger {
 public:
  explicit QuotaLedger(const Clock& clock);
  QuotaLedger(const QuotaLedger&) = delete;
  QuotaLedger& operator=(const QuotaLedger&) = delete;

  // kNoLimit takes the limit away. What is reserved and settled stays.
  void grant(Scope scope, std::string_view name, Meter meter, std::int64_t granted,
             int alert_percent);
  void price(std::string_view model, const Price& price);
  // What was settled in this period before the start, for meters with a calendar.
  void restore(Scope scope, std::string_view name, Meter meter, std::int64_t settled);

  // All pots of all accounts of the party, or none. Budgets refuse before rates: waiting would not
  // help. What needs nothing of a pot passes it.
  std::expected<Grant, Refusal> reserve(const Party& party, const Tokens& estimate);
  // More for an answer that outgrows its estimate. It is always booked; the budget that is
  // overdrawn by then, so that the answer can be ended. Rates and concurrency end no answer.
  std::optional<Refusal> extend(Grant grant, const Tokens& more);
  // Gives back what was reserved and books `actual`: its cost in micro-yuan. Nothing when the
  // grant is closed already.
  std::optional<std::int64_t> settle(Grant grant, const Tokens& actual);

  std::string name_of(AccountId id) const;  // empty for kNoAccount
  Balance balance(Scope scope, std::string_view name, Meter meter);
  std::vector<Alert> take_alerts();
  // Every budget that is past its soft limit now. O(accounts).
  std::vector<Alert> alerted();

  // Leases of budgets; quota_lent.cc. From the first call on budgets begin with nothing here.
  void lease_budgets();
  bool leases_budgets() const { return leases_; }
  std::int64_t period_of(Meter meter);  // the day or month of now
  // The leased budgets that have not enough for this request.
  std::vector<Leased> shortages(const Party& party, const Tokens& estimate);
  // All that have something here or in use; counts as a tick for each. O(accounts).
  std::vector<Leased> leased();
  // What the database says: `here` in all of this period, `others`' used and leased parts, and
  // whether it had less than was asked for. Nothing in another period. `others` < 0: as it was.
  void lease(const Leased& of, std::int64_t here, std::int64_t others, bool spent);
  // Takes what remains out of the lease and says how much that was.
  std::int64_t give_back(const Leased& of);
  // No more can be leased now: answers that outgrow their lease end.
  void cut_off(bool now) { cut_off_ = now; }
  // Rates and concurrency are divided evenly, rounded up.
  void share_rates(int gateways);

  // For /metrics and tests: sums over the accounts of a scope that have a limit, and whether the
  // invariant holds for every pot against the open reservations. O(accounts).
  struct Sums {
    std::int64_t granted = 0, reserved = 0, settled = 0, remaining = 0, elsewhere = 0;
  };
  struct Audit {
    bool conserved = true;
    std::size_t open = 0;  // reservations
    std::array<std::array<Sums, kMeters>, kScopes> sums{};
  };
  Audit audit();

 private:
  struct Pot {
    std::int64_t granted = kNoLimit, here = 0, reserved = 0, settled = 0, remaining = 0;
    std::int64_t period = 0;   // calendar meters
    std::int64_t others = 0;   // of a leased budget: what other gateways used and leased
    SteadyTime spent_until{};  // nothing is left to lease, as it was said
    bool spent = false, moved = false;
    int quiet_ticks = 0;
    SteadyTime leaked{};  // rate meters: settled has leaked until then
    int alert_percent = kAlertPercent;
    bool alerted = false;
  };
  struct Account {
    Scope scope = Scope::Key;
    std::string name;
    std::array<Pot, kMeters> pots{};
    Price price{};  // of models
  };
  struct Open {
    std::uint32_t generation = 0;  // of the grant that is or will be here
    bool live = false;
    AccountIds accounts{};
    Tokens estimate{};
    std::int64_t estimate_micro = 0;
    Price price{};  // as it was at the reservation
  };
  struct Now {
    SteadyTime steady;
    std::int64_t unix_ms = 0, day = 0, month = 0;
  };
  using Amounts = std::array<std::int64_t, kMeters>;

  Now now();
  AccountId account_of(Scope scope, std::string_view name);
  Open opened(const Party& party, const Tokens& estimate);
  std::int64_t here_of(const Pot& pot, Meter meter) const;
  void set_here(Pot& pot, std::int64_t here);
  bool is_leased(const Pot& pot, Meter meter) const;
  Leased view_of(const Account& account, Meter meter, const Pot& pot) const;
  Pot* pot_of(const Leased& leased);
  void refresh(Pot& pot, Meter meter, const Now& now) const;
  std::optional<Refusal> refusal_of(const AccountIds& accounts, const Amounts& needed,
                                    const Now& now);
  int wait_s(const Pot& pot, Meter meter, std::int64_t needed, const Now& now) const;
  void watch(const Account& account, Meter meter, Pot& pot);
  Open* find(Grant grant);
  const Open* find(Grant grant) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::deque<Account> accounts_;  // never moved: names are the keys below
  std::array<std::unordered_map<std::string_view, AccountId>, kScopes> by_name_;
  std::vector<Open> open_;
  std::vector<std::uint32_t> free_;
  std::vector<Alert> alerts_;
  std::int64_t latest_unix_ms_ = 0;  // calendars never go back
  std::int64_t month_of_day_ = -1, month_ = 0;
  bool leases_ = false;
  std::atomic<bool> cut_off_ = false;
  int gateways_ = 1;
};

}  // namespace xc::identity
