#include "identity/quota_ledger.h"

#include <gtest/gtest.h>

namespace xc::identity {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Party kParty{"key_1", "t/w", "t", "m"};

class Ledger : public testing::Test {
 protected:
  ~Ledger() override {
    const QuotaLedger::Audit audit = ledger.audit();
    EXPECT_TRUE(audit.conserved);
  }
  void limit(Scope scope, std::string_view name, Meter meter, std::int64_t granted) {
    ledger.grant(scope, name, meter, granted, kAlertPercent);
  }
  Grant take(std::int64_t prompt, std::int64_t completion = 0) {
    const auto grant = ledger.reserve(kParty, {prompt, 0, completion});
    EXPECT_TRUE(grant);
    return grant.value_or(Grant{});
  }
  Refusal refused(std::int64_t tokens) {
    const auto grant = ledger.reserve(kParty, {tokens, 0, 0});
    EXPECT_FALSE(grant);
    return grant ? Refusal{} : grant.error();
  }
  Balance tenant(Meter meter) { return ledger.balance(Scope::Tenant, "t", meter); }

  ManualClock clock;
  QuotaLedger ledger{clock};
};

TEST_F(Ledger, reserves_in_all_accounts_or_in_none) {
  limit(Scope::Key, "key_1", Meter::TokensDay, 100);
  limit(Scope::Tenant, "t", Meter::TokensDay, 50);
  const Grant grant = take(30);
  EXPECT_EQ(tenant(Meter::TokensDay).remaining, 20);
  const Refusal refusal = refused(21);
  EXPECT_EQ(refusal.scope, Scope::Tenant);
  EXPECT_EQ(refusal.meter, Meter::TokensDay);
  EXPECT_EQ(refusal.retry_after_s, 0);
  EXPECT_EQ(ledger.balance(Scope::Key, "key_1", Meter::TokensDay).reserved, 30);
  EXPECT_EQ(ledger.settle(grant, {10, 0, 5}), 0);
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 15);
  EXPECT_EQ(tenant(Meter::TokensDay).reserved, 0);
  EXPECT_EQ(tenant(Meter::TokensDay).remaining, 35);
}

TEST_F(Ledger, settles_once) {
  limit(Scope::Tenant, "t", Meter::TokensDay, 50);
  const Grant grant = take(10);
  EXPECT_TRUE(ledger.settle(grant, {10, 0, 0}));
  EXPECT_FALSE(ledger.settle(grant, {10, 0, 0}));
  const Grant second = take(10);  // in the same place
  EXPECT_EQ(second.slot, grant.slot);
  EXPECT_FALSE(ledger.settle(grant, {40, 0, 0}));
  EXPECT_FALSE(ledger.settle(Grant{}, {40, 0, 0}));
  EXPECT_FALSE(ledger.settle(Grant{99, 1, {}}, {40, 0, 0}));
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 10);
}

TEST_F(Ledger, more_than_the_estimate_is_booked_and_stops_the_next) {
  limit(Scope::Tenant, "t", Meter::TokensDay, 50);
  const Grant grant = take(40);
  ledger.settle(grant, {70, 0, 0});
  EXPECT_EQ(tenant(Meter::TokensDay).remaining, -20);
  EXPECT_EQ(refused(1).meter, Meter::TokensDay);
  take(0);  // what needs nothing passes
}

TEST_F(Ledger, money_rounds_up_once_and_cached_tokens_have_their_price) {
  ledger.price("m", {2'000'000, 500'000, 8'000'000});
  limit(Scope::Tenant, "t", Meter::MoneyMonth, 1'000);
  const Grant grant = take(100, 50);  // 200 + 400
  EXPECT_EQ(tenant(Meter::MoneyMonth).reserved, 600);
  ledger.price("m", {9'000'000, 9'000'000, 9'000'000});  // later prices are for later requests
  EXPECT_EQ(ledger.settle(grant, {101, 41, 1}), 60 * 2 + 21 + 8);
  EXPECT_EQ(tenant(Meter::MoneyMonth).settled, 149);
  EXPECT_EQ(cost_of({1, 0, 0}, {1, 0, 0}), 1);
  EXPECT_EQ(cost_of({0, 0, 0}, {1'000'000, 0, 9}), 0);
  EXPECT_EQ(cost_of({kPriceMax, 0, 0}, {INT64_MAX, 0, 0}), kGrantedMax);
  EXPECT_EQ(cost_of({5, 5, 5}, {-1, -1, -1}), 0);
}

TEST_F(Ledger, requests_a_minute_refill_evenly) {
  limit(Scope::Key, "key_1", Meter::Requests, 6);
  for (int i = 0; i < 6; ++i) take(0);
  EXPECT_EQ(refused(0).retry_after_s, 10);
  clock.advance(seconds(4));
  EXPECT_EQ(refused(0).retry_after_s, 6);
  clock.advance(seconds(6));
  take(0);
  EXPECT_EQ(refused(0).meter, Meter::Requests);
  clock.advance(hours(1));
  for (int i = 0; i < 6; ++i) take(0);
  EXPECT_EQ(refused(0).meter, Meter::Requests);
}

TEST_F(Ledger, tokens_a_minute_count_what_was_spent) {
  limit(Scope::Key, "key_1", Meter::Tokens, 60);
  const Grant grant = take(50);
  EXPECT_EQ(refused(20).retry_after_s, 10);
  ledger.settle(grant, {10, 0, 0});
  const Grant next = take(50);
  ledger.settle(next, {50, 0, 0});
  EXPECT_EQ(refused(30).retry_after_s, 30);
  const Refusal never = refused(61);
  EXPECT_EQ(never.retry_after_s, 0);
  EXPECT_EQ(never.needed, 61);
  clock.advance(seconds(30));
  take(30);
}

TEST_F(Ledger, budgets_are_told_before_rates) {
  limit(Scope::Key, "key_1", Meter::Tokens, 10);
  limit(Scope::Model, "m", Meter::TokensMonth, 5);
  take(5);
  const Refusal refusal = refused(6);
  EXPECT_EQ(refusal.scope, Scope::Model);
  EXPECT_EQ(refusal.meter, Meter::TokensMonth);
}

TEST_F(Ledger, concurrency_is_given_back) {
  limit(Scope::Workspace, "t/w", Meter::Running, 2);
  const Grant first = take(0);
  take(0);
  EXPECT_EQ(refused(0).meter, Meter::Running);
  ledger.settle(first, {});
  take(0);
}

TEST_F(Ledger, a_day_begins_at_midnight_in_beijing) {
  clock.advance(hours(14));  // the clock began at 01:00 UTC
  limit(Scope::Tenant, "t", Meter::TokensDay, 100);
  limit(Scope::Tenant, "t", Meter::TokensMonth, 1'000);
  const Grant before = take(30);
  ledger.settle(before, {30, 0, 0});
  const Grant over = take(20);
  clock.advance(hours(1));
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 0);
  EXPECT_EQ(tenant(Meter::TokensDay).reserved, 20);  // settles in the new day
  EXPECT_EQ(tenant(Meter::TokensDay).remaining, 80);
  EXPECT_EQ(tenant(Meter::TokensMonth).settled, 30);
  ledger.settle(over, {20, 0, 0});
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 20);
  EXPECT_EQ(tenant(Meter::TokensMonth).settled, 50);
}

TEST_F(Ledger, a_clock_that_goes_back_renews_nothing) {
  limit(Scope::Tenant, "t", Meter::TokensDay, 100);
  clock.advance(hours(48));
  ledger.settle(take(60), {60, 0, 0});
  clock.advance(-hours(30));
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 60);
  EXPECT_EQ(refused(50).meter, Meter::TokensDay);
}

TEST_F(Ledger, limits_change_under_way) {
  limit(Scope::Tenant, "t", Meter::TokensDay, 100);
  const Grant grant = take(80);
  limit(Scope::Tenant, "t", Meter::TokensDay, 50);
  EXPECT_EQ(tenant(Meter::TokensDay).remaining, -30);
  limit(Scope::Tenant, "t", Meter::TokensDay, kNoLimit);
  ledger.settle(grant, {80, 0, 0});
  take(1'000'000);
  limit(Scope::Tenant, "t", Meter::TokensDay, 0);
  EXPECT_EQ(refused(1).meter, Meter::TokensDay);
  limit(Scope::Key, "key_1", Meter::Requests, 3);  // a rate that comes later begins full
  take(0);
  limit(Scope::Key, "key_1", Meter::Requests, 0);
  EXPECT_EQ(refused(0).retry_after_s, 0);
}

TEST_F(Ledger, an_answer_that_outgrows_its_estimate) {
  limit(Scope::Tenant, "t", Meter::TokensDay, 100);
  limit(Scope::Tenant, "t", Meter::Tokens, 60);
  const Grant grant = take(50);
  EXPECT_FALSE(ledger.extend(grant, {0, 0, 50}));  // the rate is over; it ends no answer
  EXPECT_EQ(tenant(Meter::Tokens).remaining, -40);
  const auto overdrawn = ledger.extend(grant, {1, 0, 0});
  ASSERT_TRUE(overdrawn);
  EXPECT_EQ(overdrawn->meter, Meter::TokensDay);
  EXPECT_EQ(tenant(Meter::TokensDay).reserved, 101);
  ledger.settle(grant, {50, 0, 20});
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 70);
  EXPECT_FALSE(ledger.extend(grant, {500, 0, 0}));  // closed
}

TEST_F(Ledger, alerts_once_a_period) {
  ledger.grant(Scope::Tenant, "t", Meter::TokensDay, 100, 80);
  ledger.settle(take(79), {79, 0, 0});
  EXPECT_TRUE(ledger.take_alerts().empty());
  take(1);
  const std::vector<Alert> alerts = ledger.take_alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].name, "t");
  EXPECT_EQ(alerts[0].balance.remaining, 20);
  take(1);
  EXPECT_TRUE(ledger.take_alerts().empty());
  clock.advance(hours(24));
  ledger.settle(take(90), {});
  EXPECT_EQ(ledger.take_alerts().size(), 1u);
}

TEST_F(Ledger, says_which_budgets_are_past_their_soft_limit_now) {
  ledger.grant(Scope::Tenant, "t", Meter::TokensDay, 100, 80);
  EXPECT_TRUE(ledger.alerted().empty());
  ledger.settle(take(85), {85, 0, 0});
  ASSERT_EQ(ledger.alerted().size(), 1u);
  EXPECT_EQ(ledger.alerted()[0].name, "t");
  EXPECT_EQ(ledger.alerted()[0].balance.settled, 85);
  EXPECT_EQ(ledger.take_alerts().size(), 1u);
  EXPECT_EQ(ledger.alerted().size(), 1u) << "as long as it holds";
  ledger.grant(Scope::Tenant, "t", Meter::TokensDay, 1'000, 80);
  EXPECT_TRUE(ledger.alerted().empty()) << "the budget was raised";
  ledger.settle(take(800), {800, 0, 0});
  EXPECT_EQ(ledger.alerted().size(), 1u);
  clock.advance(hours(24));
  EXPECT_TRUE(ledger.alerted().empty()) << "a new day";
}

TEST_F(Ledger, a_budget_that_an_earlier_process_used_is_past_its_soft_limit_too) {
  ledger.grant(Scope::Tenant, "t", Meter::TokensMonth, 100, 80);
  ledger.restore(Scope::Tenant, "t", Meter::TokensMonth, 79);
  EXPECT_TRUE(ledger.alerted().empty());
  ledger.restore(Scope::Tenant, "t", Meter::TokensMonth, 1);
  ASSERT_EQ(ledger.alerted().size(), 1u);
  EXPECT_EQ(ledger.alerted()[0].balance.settled, 80);
  ledger.grant(Scope::Tenant, "t", Meter::TokensMonth, 1'000, 80);
  EXPECT_TRUE(ledger.alerted().empty());
  ledger.grant(Scope::Tenant, "t", Meter::TokensMonth, 100, 80);
  EXPECT_EQ(ledger.alerted().size(), 1u) << "the budget was lowered";
}

TEST_F(Ledger, restores_what_was_spent) {
  limit(Scope::Tenant, "t", Meter::TokensMonth, 100);
  ledger.restore(Scope::Tenant, "t", Meter::TokensMonth, 99);
  ledger.restore(Scope::Tenant, "t", Meter::Requests, 5);  // rates begin anew
  EXPECT_EQ(refused(2).meter, Meter::TokensMonth);
  take(1);
}

TEST_F(Ledger, hostile_numbers) {
  limit(Scope::Tenant, "t", Meter::TokensDay, INT64_MAX);
  EXPECT_EQ(tenant(Meter::TokensDay).granted, kGrantedMax);
  const Grant grant = take(-5, -5);
  ledger.settle(grant, {-1, -1, -1});
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 0);
  EXPECT_TRUE(ledger.reserve({}, {1, 0, 0}));  // nobody's
}

TEST(Billed, says_what_each_end_costs) {
  const Tokens estimate{40, 0, 100};
  Progress done{Tokens{30, 10, 50}, 30, 10, 49, true};
  EXPECT_EQ(billed(done, estimate), (Tokens{30, 10, 50}));
  EXPECT_EQ(billed({std::nullopt, 30, 10, 7, false}, estimate), (Tokens{30, 10, 7}));  // broken off
  EXPECT_EQ(billed({std::nullopt, 30, 10, 0, false}, estimate), Tokens{});  // before any output
  EXPECT_EQ(billed({std::nullopt, 0, 0, 7, true}, estimate), (Tokens{40, 0, 7}));  // no usage
  EXPECT_EQ(billed({std::nullopt, 0, 0, 0, true}, estimate), (Tokens{40, 0, 0}));  // zero output
  EXPECT_EQ(billed({Tokens{30, 0, 0}, 0, 0, 0, true}, estimate), (Tokens{30, 0, 0}));
  EXPECT_EQ(billed({Tokens{5, 9, -3}, 0, 0, 0, true}, estimate), (Tokens{5, 5, 0}));
}

TEST(Calendar, of_beijing) {
  EXPECT_EQ(day_of(0), 0);
  EXPECT_EQ(day_of(16 * 3'600'000 - 1), 0);
  EXPECT_EQ(day_of(16 * 3'600'000), 1);
  EXPECT_EQ(day_of(-8 * 3'600'000 - 1), -1);
  EXPECT_EQ(month_of_day(0), 1970 * 12);
  EXPECT_EQ(month_of_day(31), 1970 * 12 + 1);
  EXPECT_EQ(month_of_day(day_of(1'767'196'800'000)), 2026 * 12);  // 2026-01-01T00:00+08:00
  EXPECT_EQ(month_of_day(day_of(1'767'196'799'999)), 2025 * 12 + 11);
  EXPECT_EQ(unix_ms_of_month(2026 * 12), 1'767'196'800'000);
  EXPECT_EQ(unix_ms_of_day(1), 16 * 3'600'000);
}

TEST(Names, there_and_back) {
  for (std::size_t i = 0; i < kScopes; ++i) {
    EXPECT_EQ(scope_of(name_of(static_cast<Scope>(i))), static_cast<Scope>(i));
  }
  for (std::size_t i = 0; i < kMeters; ++i) {
    EXPECT_EQ(meter_of(name_of(static_cast<Meter>(i))), static_cast<Meter>(i));
  }
  EXPECT_FALSE(scope_of("Key"));
  EXPECT_FALSE(meter_of(""));
}

}  // namespace
}  // namespace xc::identity
