#include "identity/quota_leases.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "base/limits.h"
#include "identity/quota_rules.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

constexpr Meter kMeter = Meter::TokensMonth;
constexpr std::int64_t kBudget = 6'400;
constexpr std::int64_t kSlice = kBudget / limits::kLeaseSlices;

// One gateway of several on a database, without its requests.
struct Gateway {
  Gateway(const std::string& url, const Clock& clock, std::string name)
      : log(std::move(name)),
        clock(clock),
        database(*store::Database::open(url)),
        ledger(clock),
        leases(*database, ledger, clock, log),
        rules(*database, ledger),
        usage(*database) {
    EXPECT_TRUE(leases.begin());
    EXPECT_TRUE(rules.load());
    EXPECT_TRUE(leases.tick());
  }
  std::expected<Grant, Refusal> reserve(std::int64_t tokens) {
    const Party party{"k", "t/w", "t", "m"};
    auto grant = ledger.reserve(party, {tokens, 0, 0});
    if (!grant && grant.error().leased) grant = leases.reserve(party, {tokens, 0, 0});
    return grant;
  }
  // Reserves, settles and adds it up; false when it is refused.
  bool spend(std::int64_t tokens) {
    const auto grant = reserve(tokens);
    if (!grant) return false;
    settle(*grant, tokens);
    return true;
  }
  void settle(const Grant& grant, std::int64_t tokens) {
    ledger.settle(grant, {tokens, 0, 0});
    spent += tokens;
    waiting += tokens;
  }
  void roll_up() {
    const UsageRow row{clock.unix_ms() / 3'600'000, "t", "t/w", "k", "m", "done",
                       {1, waiting, 0, 0, 0}};
    EXPECT_TRUE(usage.add(log, {row}, {++leaf, leaf}, leases.booked({row})));
    waiting = 0;
  }
  std::int64_t remaining() { return ledger.balance(Scope::Tenant, "t", kMeter).remaining; }

  const std::string log;
  const Clock& clock;
  std::unique_ptr<store::Database> database;
  QuotaLedger ledger;
  QuotaLeases leases;
  QuotaRules rules;
  UsageTable usage;
  std::int64_t spent = 0, waiting = 0;
  std::uint64_t leaf = 0;
};

class Leases : public testing::Test {
 protected:
  void SetUp() override {
    if (!store::TestPostgres::server().is_installed()) GTEST_SKIP() << "no postgresql";
    url = store::TestPostgres::server().make_database();
    a = add("a");
    ASSERT_TRUE(a->rules.set({{Scope::Tenant, "t", kMeter, kBudget, 80}}));
    b = add("b");
  }
  std::unique_ptr<Gateway> add(const std::string& name) {
    return std::make_unique<Gateway>(url, clock, name);
  }
  // The budget as the database has it.
  lease_rows::Row shared() {
    const auto rows = a->leases.shared();
    EXPECT_TRUE(rows) << (rows ? "" : text_of(rows.error(), Language::En));
    EXPECT_EQ(rows->size(), 1u);
    return rows->empty() ? lease_rows::Row{} : rows->front();
  }
  // What all used, as the usage table has it: the truth.
  std::int64_t used() {
    return a->usage.query({0, 1'000'000'000, {}, ""})->front().sums.prompt_tokens;
  }

  ManualClock clock;
  std::string url;
  std::unique_ptr<Gateway> a, b;
};

TEST_F(Leases, a_slice_is_leased_and_handed_out_without_the_database) {
  EXPECT_EQ(a->remaining(), 0);
  ASSERT_TRUE(a->spend(10));
  EXPECT_EQ(a->remaining(), kSlice);
  EXPECT_EQ(shared().held, kSlice + 10);
  ASSERT_TRUE(store::TestPostgres::server().command("stop") == 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(a->spend(10));
  const auto refused = a->reserve(10);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().leased);  // not spent: the database is away
  ASSERT_EQ(store::TestPostgres::server().command("restart"), 0);
  clock.advance(limits::kLeaseAwayPause);
  EXPECT_TRUE(a->spend(10));
  a->roll_up();
  EXPECT_EQ(shared().settled, 120);
  EXPECT_TRUE(a->ledger.audit().conserved);
}

TEST_F(Leases, three_gateways_never_hand_out_more_than_the_budget) {
  auto c = add("c");
  const std::array<Gateway*, 3> all{a.get(), b.get(), c.get()};
  std::vector<std::thread> threads;
  for (Gateway* gateway : all) {
    threads.emplace_back([gateway] {
      std::int64_t tokens = 7;
      for (int refused = 0; refused < 3;) {
        tokens = tokens * 31 % 97 + 1;
        refused += gateway->spend(tokens) ? 0 : 1;
        if (tokens % 5 == 0) gateway->roll_up();
        if (tokens % 11 == 0) EXPECT_TRUE(gateway->leases.tick());
      }
      gateway->roll_up();
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::int64_t spent = 0;
  for (Gateway* gateway : all) {
    spent += gateway->spent;
    EXPECT_TRUE(gateway->ledger.audit().conserved);
    // What is set aside there is what is left here.
    EXPECT_GE(gateway->remaining(), 0);
  }
  const lease_rows::Row row = shared();
  EXPECT_EQ(row.settled, spent);
  EXPECT_EQ(used(), spent);
  EXPECT_EQ(row.held, a->remaining() + b->remaining() + c->remaining());
  EXPECT_LE(spent + row.held, kBudget);
  EXPECT_GE(spent, kBudget - 3 * (kSlice + 97));
}

TEST_F(Leases, what_is_not_used_goes_back) {
  ASSERT_TRUE(a->spend(10));
  a->roll_up();
  EXPECT_EQ(shared().held, kSlice);
  for (int i = 0; i < limits::kLeaseQuietTicks; ++i) ASSERT_TRUE(a->leases.tick());
  EXPECT_EQ(shared().held, 0);
  EXPECT_EQ(a->remaining(), 0);
  EXPECT_TRUE(b->spend(kBudget - 10));
  EXPECT_FALSE(a->spend(1));
  EXPECT_FALSE(a->reserve(1).error().leased);  // said just now: it is not asked again
}

TEST_F(Leases, a_dead_gateways_lease_is_free_after_its_life_and_its_end_gives_all_back) {
  ASSERT_TRUE(a->spend(10));
  a->roll_up();
  ASSERT_TRUE(a->spend(10));  // nobody will hear of it until the log is read
  ASSERT_TRUE(
      b->database->execute("UPDATE budget_leases SET renewed_unix_ms = renewed_unix_ms - "
                           ":p0 WHERE log = 'a'",
                           {std::int64_t{31'000}}));
  ASSERT_TRUE(b->leases.tick());
  EXPECT_EQ(shared().held, 0);
  EXPECT_EQ(shared().settled, 10);
  ASSERT_TRUE(b->spend(10));
  b->roll_up();
  ASSERT_TRUE(b->leases.release());
  EXPECT_EQ(shared().held, 0);
  // It was not dead after all: it goes on with what it has, and what it used is counted once.
  EXPECT_TRUE(a->spend(10));
  a->roll_up();
  a->leases.cut_off();
  ASSERT_TRUE(a->leases.tick());
  EXPECT_EQ(shared().settled, 40);
  EXPECT_EQ(shared().held, a->remaining());
}

TEST_F(Leases, a_restart_begins_with_nothing_and_counts_what_was_used) {
  ASSERT_TRUE(a->spend(200));
  a->roll_up();
  a.reset();
  a = add("a");
  EXPECT_EQ(shared().held, 0);
  EXPECT_EQ(shared().settled, 200);
  EXPECT_FALSE(a->spend(kBudget - 199));
  clock.advance(limits::kLeaseSpentFresh);
  EXPECT_TRUE(a->spend(kBudget - 200));
}

TEST_F(Leases, what_an_older_program_added_counts_after_the_next_start) {
  ASSERT_TRUE(a->spend(10));
  a->roll_up();
  const UsageRow row{clock.unix_ms() / 3'600'000, "t", "t/w", "k", "m", "done", {1, 300, 0, 0, 0}};
  ASSERT_TRUE(b->usage.add("b", {row}, {1, 1}));
  EXPECT_EQ(shared().settled, 10);
  b.reset();
  b = add("b");
  EXPECT_EQ(shared().settled, 310);
  EXPECT_FALSE(b->spend(kBudget - 309));
}

TEST_F(Leases, a_new_month_begins_with_the_whole_budget) {
  ASSERT_TRUE(a->spend(kBudget - 10));
  a->roll_up();
  EXPECT_FALSE(b->spend(20));
  clock.advance(std::chrono::hours(24 * 32));
  EXPECT_TRUE(b->spend(kBudget / 2));
  ASSERT_TRUE(a->leases.tick());  // what it had left of the last month is of this one now
  EXPECT_TRUE(a->spend(20));
  a->roll_up();
  b->roll_up();
  EXPECT_EQ(shared().settled, kBudget / 2 + 20);
  EXPECT_LE(shared().settled + shared().held, kBudget);
  EXPECT_TRUE(a->ledger.audit().conserved);
}

TEST_F(Leases, an_answer_that_outgrows_its_lease_ends_only_when_the_budget_is_spent) {
  const auto grant = a->reserve(10);
  ASSERT_TRUE(grant);
  EXPECT_FALSE(a->ledger.extend(*grant, {0, 0, 3 * kSlice}));
  EXPECT_LT(a->remaining(), 0);
  ASSERT_TRUE(a->leases.tick());
  EXPECT_GE(a->remaining(), 0);
  a->ledger.cut_off(true);
  EXPECT_TRUE(a->ledger.extend(*grant, {0, 0, 3 * kSlice}));
  ASSERT_TRUE(a->leases.tick());
  EXPECT_FALSE(a->ledger.extend(*grant, {0, 0, kBudget}));
  ASSERT_TRUE(a->leases.tick());
  EXPECT_TRUE(a->ledger.extend(*grant, {0, 0, 1}));
}

TEST_F(Leases, a_limit_that_comes_later_counts_what_was_used_before) {
  ASSERT_TRUE(a->rules.set({{Scope::Tenant, "t", kMeter, kNoLimit, 80}}));
  ASSERT_TRUE(b->rules.refresh());
  ASSERT_TRUE(a->spend(300));
  ASSERT_TRUE(b->spend(50));
  a->roll_up();
  b->roll_up();
  ASSERT_TRUE(b->rules.set({{Scope::Tenant, "t", kMeter, 400, 80}}));
  ASSERT_TRUE(a->rules.refresh());
  EXPECT_FALSE(a->spend(60));
  clock.advance(limits::kLeaseSpentFresh);
  EXPECT_TRUE(a->spend(40));
  EXPECT_TRUE(a->ledger.audit().conserved);
}

TEST_F(Leases, rates_are_divided_evenly) {
  ASSERT_TRUE(a->rules.set({{Scope::Tenant, "t", Meter::Requests, 10, 80}}));
  ASSERT_TRUE(a->leases.tick());
  int served = 0;
  while (a->spend(1)) ++served;
  EXPECT_EQ(served, 5);
  EXPECT_GT(a->reserve(1).error().retry_after_s, 0);
  ASSERT_TRUE(b->leases.release());
  ASSERT_TRUE(a->leases.tick());
  while (a->spend(1)) ++served;
  EXPECT_EQ(served, 10);
  EXPECT_TRUE(a->ledger.audit().conserved);
}

}  // namespace
}  // namespace xc::identity
