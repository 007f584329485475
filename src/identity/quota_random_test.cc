// The ledger against a plain model of it, from seeds: random requests, aborts, extensions, changes
// of limits and jumps of time. A failing seed is printed; put it into kSeeds for ever.
#include <gtest/gtest.h>

#include <map>

#include "base/id.h"
#include "identity/quota_ledger.h"

namespace xc::identity {
namespace {

constexpr std::uint64_t kSeeds = 300;
constexpr int kSteps = 400;

struct Running {
  Grant grant;
  int key = 0;
  std::int64_t reserved = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (int tenant = 0; tenant < kTenants; ++tenant) change_limit(tenant);
  }

  void step() {
    switch (below(12)) {
      case 0:
        return jump();
      case 1:
        return change_limit(static_cast<int>(below(kTenants)));
      case 2:
        return extend();
      case 3:
      case 4:
      case 5:
      case 6:
        return end();
      default:
        return begin();
    }
  }

  // What the model says of a tenant's day, against the ledger.
  void compare() {
    const QuotaLedger::Audit audit = ledger_.audit();
    ASSERT_TRUE(audit.conserved);
    ASSERT_EQ(audit.open, running_.size());
    for (int tenant = 0; tenant < kTenants; ++tenant) {
      const Balance day = ledger_.balance(Scope::Tenant, tenant_name(tenant), Meter::TokensDay);
      const Balance now = ledger_.balance(Scope::Tenant, tenant_name(tenant), Meter::Running);
      std::int64_t reserved = 0, count = 0;
      for (const Running& one : running_) {
        if (one.key % kTenants != tenant) continue;
        reserved += one.reserved;
        ++count;
      }
      ASSERT_EQ(day.reserved, reserved);
      ASSERT_EQ(now.reserved, count);
      ASSERT_EQ(day.settled, spent_[tenant]);
      ASSERT_EQ(day.granted, granted_[tenant]);
      // Nobody is over by more than what answers outgrew their reservation by, or what a limit
      // was lowered by.
      ASSERT_GE(day.remaining, -overdraft_[tenant]);
    }
  }

  void drain() {
    while (!running_.empty()) end();
  }

 private:
  static constexpr int kTenants = 3, kKeys = 7;

  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
  std::int64_t amount() {
    return static_cast<std::int64_t>(below(2) == 0 ? below(20) : below(400));
  }
  static std::string tenant_name(int tenant) { return "t" + std::to_string(tenant); }

  void begin() {
    const int key = static_cast<int>(below(kKeys));
    const std::string name = "key" + std::to_string(key), tenant = tenant_name(key % kTenants);
    const Tokens estimate{amount(), 0, amount()};
    const auto grant = ledger_.reserve({name, tenant + "/w", tenant, "m"}, estimate);
    const Balance day = ledger_.balance(Scope::Tenant, tenant, Meter::TokensDay);
    const bool fits = granted_[key % kTenants] == kNoLimit || estimate.all() == 0 ||
                      day.remaining + (grant ? estimate.all() : 0) >= estimate.all();
    ASSERT_EQ(grant.has_value(), fits);
    if (grant) running_.push_back({*grant, key, estimate.all()});
  }

  void end() {
    if (running_.empty()) return;
    const std::size_t at = below(running_.size());
    const Running one = running_[at];
    const int tenant = one.key % kTenants;
    // Complete, broken off, nothing at all, or more than was said.
    std::int64_t actual = one.reserved;
    if (below(2) == 0) actual = static_cast<std::int64_t>(below(one.reserved + 1));
    if (below(4) == 0) actual = 0;
    if (below(8) == 0) actual = one.reserved + amount();
    ASSERT_TRUE(ledger_.settle(one.grant, {actual, 0, 0}));
    ASSERT_FALSE(ledger_.settle(one.grant, {actual, 0, 0}));
    spent_[tenant] += actual;
    overdraft_[tenant] += std::max<std::int64_t>(actual - one.reserved, 0);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void extend() {
    if (running_.empty()) return;
    Running& one = running_[below(running_.size())];
    const std::int64_t more = amount();
    ledger_.extend(one.grant, {0, 0, more});
    one.reserved += more;
    overdraft_[one.key % kTenants] += more;
  }

  void change_limit(int tenant) {
    const std::int64_t granted = below(5) == 0 ? kNoLimit : static_cast<std::int64_t>(below(9'000));
    ledger_.grant(Scope::Tenant, tenant_name(tenant), Meter::TokensDay, granted, kAlertPercent);
    granted_[tenant] = granted;
    // What was reserved and spent under the old one may be over the new one.
    overdraft_[tenant] += 1'000'000;
  }

  void jump() {
    const std::int64_t before = day_of(clock_.unix_ms());
    clock_.advance(std::chrono::minutes(static_cast<std::int64_t>(below(300)) - 60));
    latest_ = std::max({latest_, before, day_of(clock_.unix_ms())});
    if (latest_ == day_) return;
    day_ = latest_;
    for (auto& [tenant, spent] : spent_) spent = 0;
    ledger_.audit();  // the ledger looks at the clock now, as it would at the next request
  }

  SeededRandom random_;
  ManualClock clock_;
  QuotaLedger ledger_{clock_};
  std::vector<Running> running_;
  std::map<int, std::int64_t> spent_, granted_, overdraft_;
  std::int64_t day_ = day_of(ManualClock().unix_ms()), latest_ = day_;
};

TEST(LedgerFromSeeds, agrees_with_its_model) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < kSteps; ++i) {
      world.step();
      world.compare();
      if (testing::Test::HasFatalFailure()) return;
    }
    world.drain();
    world.compare();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace xc::identity
