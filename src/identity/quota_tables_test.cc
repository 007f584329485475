#include <gtest/gtest.h>

#include "identity/quota_rules.h"
#include "identity/quota_usage.h"
#include "store/test_database.h"

namespace xc::identity {
namespace {

constexpr std::int64_t kHour = 495'000;  // of 2026

class Tables : public store::TestOnDatabases {
 protected:
  static UsageRow row(std::string key, std::int64_t hour, std::int64_t tokens) {
    return {hour, "t", "t/w", std::move(key), "m", "done", {1, tokens, 0, 2 * tokens, 3 * tokens}};
  }
  std::unique_ptr<store::Database> database = *store::Database::open(database_url());
  ManualClock clock;
  QuotaLedger ledger{clock};
};

TEST_P(Tables, rules_are_in_force_at_once_and_after_a_restart) {
  QuotaRules rules(*database, ledger);
  ASSERT_TRUE(rules.set({{Scope::Key, "k", Meter::TokensDay, 5'000'000'000, 50},
                         {Scope::Key, "k", Meter::Running, 3, 80}}));
  ASSERT_TRUE(rules.set({{Scope::Key, "k", Meter::Running, 4, 80}}));
  EXPECT_EQ(ledger.balance(Scope::Key, "k", Meter::Running).granted, 4);
  ASSERT_TRUE(rules.set_price({"m", {1, 2, 3}}));
  ASSERT_TRUE(rules.set_price({"m", {4, 5, kPriceMax}}));
  QuotaLedger second(clock);
  QuotaRules again(*database, second);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(second.balance(Scope::Key, "k", Meter::TokensDay).granted, 5'000'000'000);
  EXPECT_EQ(again.list()->size(), 2u);
  ASSERT_EQ(again.prices()->size(), 1u);
  EXPECT_EQ(again.prices()->front().price, (Price{4, 5, kPriceMax}));
  ASSERT_TRUE(again.set({{Scope::Key, "k", Meter::Running, kNoLimit, 80}}));
  EXPECT_EQ(again.list()->size(), 1u);
  EXPECT_EQ(second.balance(Scope::Key, "k", Meter::Running).granted, kNoLimit);
}

TEST_P(Tables, what_another_gateway_changes_comes_in_force) {
  QuotaRules rules(*database, ledger);
  QuotaLedger second(clock);
  QuotaRules other(*database, second);
  ASSERT_TRUE(other.load());
  ASSERT_TRUE(rules.set(
      {{Scope::Key, "k", Meter::TokensDay, 100, 50}, {Scope::Key, "k", Meter::Running, 3, 80}}));
  ASSERT_TRUE(rules.set_price({"m", {1'000'000, 0, 0}}));
  ASSERT_TRUE(other.refresh());
  EXPECT_EQ(second.balance(Scope::Key, "k", Meter::TokensDay).granted, 100);
  const auto grant = second.reserve({"k", "", "", "m"}, {60, 0, 0});
  EXPECT_EQ(second.settle(*grant, {60, 0, 0}), 60);
  EXPECT_EQ(second.take_alerts().size(), 1u);
  ASSERT_TRUE(rules.set({{Scope::Key, "k", Meter::Running, kNoLimit, 80}}));
  ASSERT_TRUE(other.refresh());
  EXPECT_EQ(second.balance(Scope::Key, "k", Meter::Running).granted, kNoLimit);
  // What stayed as it was is not told again.
  ASSERT_TRUE(second.reserve({"k", "", "", "m"}, {1, 0, 0}));
  EXPECT_TRUE(second.take_alerts().empty());
}

TEST_P(Tables, bad_rules_change_nothing) {
  QuotaRules rules(*database, ledger);
  EXPECT_FALSE(rules.set(
      {{Scope::Key, "k", Meter::Running, 3, 80}, {Scope::Key, "", Meter::Running, 3, 80}}));
  EXPECT_FALSE(rules.set({{Scope::Key, std::string(1'000, 'x'), Meter::Running, 3, 80}}));
  EXPECT_FALSE(rules.set({{Scope::Key, "k", Meter::Running, -2, 80}}));
  EXPECT_FALSE(rules.set({{Scope::Key, "k", Meter::Running, 1, 101}}));
  EXPECT_FALSE(rules.set_price({"m", {-1, 0, 0}}));
  EXPECT_TRUE(rules.list()->empty());
  EXPECT_EQ(ledger.balance(Scope::Key, "k", Meter::Running).granted, kNoLimit);
}

TEST_P(Tables, usage_adds_up_and_remembers_its_place) {
  UsageTable usage(*database);
  EXPECT_EQ(usage.cursor("log")->next, 0u);
  ASSERT_TRUE(usage.add("log", {row("a", kHour, 10), row("b", kHour, 1)}, {7, 5}));
  ASSERT_TRUE(usage.add("log", {row("a", kHour, 5'000'000'000)}, {9, 9}));
  EXPECT_EQ(usage.cursor("log")->next, 9u);
  EXPECT_EQ(usage.cursor("log")->open_from, 9u);
  EXPECT_EQ(usage.cursor("other")->next, 0u);
  const auto groups = usage.query({kHour, kHour + 1, {UsageBy::Key}, ""});
  ASSERT_EQ(groups->size(), 2u);
  EXPECT_EQ((*groups)[0].names, std::vector<std::string>{"a"});
  EXPECT_EQ((*groups)[0].sums.requests, 2);
  EXPECT_EQ((*groups)[0].sums.prompt_tokens, 5'000'000'010);
  EXPECT_EQ((*groups)[0].sums.cost_micro, 15'000'000'030);
}

TEST_P(Tables, groups_by_anything_in_any_range) {
  UsageTable usage(*database);
  ASSERT_TRUE(
      usage.add("log", {row("a", kHour, 1), row("a", kHour + 24, 2), row("b", kHour, 4)}, {1, 1}));
  const auto whole = usage.query({0, kHour + 99, {}, ""});
  ASSERT_EQ(whole->size(), 1u);
  EXPECT_EQ(whole->front().sums.prompt_tokens, 7);
  const auto days = usage.query({0, kHour + 99, {UsageBy::Day, UsageBy::Key}, ""});
  ASSERT_EQ(days->size(), 3u);
  const std::int64_t midnight = unix_ms_of_day(day_of(kHour * 3'600'000));
  EXPECT_EQ((*days)[0].names[0], std::to_string(midnight));
  EXPECT_EQ(usage.query({kHour + 1, kHour + 99, {}, ""})->front().sums.requests, 1);
  EXPECT_EQ(usage.query({0, kHour + 99, {}, "other"})->front().sums.requests, 0);
  EXPECT_TRUE(usage.query({0, kHour + 99, {UsageBy::Model}, "' OR 1=1 --"})->empty());
  for (int by = 0; by < 9; ++by) {
    const auto dimension = static_cast<UsageBy>(by);
    EXPECT_EQ(usage_by_of(name_of(dimension)), dimension);
    EXPECT_FALSE(usage.query({0, kHour + 99, {dimension}, ""})->empty());
  }
}

TEST_P(Tables, usage_is_told_apart_by_where_it_was_answered) {
  UsageTable usage(*database);
  UsageRow here = row("a", kHour, 1), there = row("a", kHour, 10), elsewhere = row("a", kHour, 100);
  there.pool = elsewhere.pool = "p";
  there.endpoint = "e1";
  elsewhere.endpoint = "e2";
  ASSERT_TRUE(usage.add("log", {here, there, elsewhere}, {3, 3}));
  ASSERT_TRUE(usage.add("log", {there}, {4, 4}));
  const auto pools = usage.query({kHour, kHour + 1, {UsageBy::Pool}, ""});
  ASSERT_EQ(pools->size(), 2u);
  EXPECT_EQ((*pools)[0].names, std::vector<std::string>{""});
  EXPECT_EQ((*pools)[1].sums.prompt_tokens, 120);
  const auto endpoints = usage.query({kHour, kHour + 1, {UsageBy::Endpoint}, ""});
  ASSERT_EQ(endpoints->size(), 3u);
  EXPECT_EQ((*endpoints)[1].names, std::vector<std::string>{"e1"});
  EXPECT_EQ((*endpoints)[1].sums.requests, 2);
}

TEST_P(Tables, the_ledger_begins_with_what_this_period_has_spent) {
  UsageTable usage(*database);
  const std::int64_t now = kHour * 3'600'000 + 5;
  const std::int64_t today = unix_ms_of_day(day_of(now)) / 3'600'000;
  const std::int64_t month = unix_ms_of_month(month_of_day(day_of(now))) / 3'600'000;
  ASSERT_TRUE(usage.add(
      "log", {row("a", kHour, 10), row("a", today - 1, 100), row("a", month - 1, 1'000)}, {1, 1}));
  clock.advance(std::chrono::milliseconds(now) - clock.now().time_since_epoch());
  ASSERT_TRUE(usage.restore(ledger, now));
  EXPECT_EQ(ledger.balance(Scope::Key, "a", Meter::TokensDay).settled, 30);
  EXPECT_EQ(ledger.balance(Scope::Tenant, "t", Meter::MoneyDay).settled, 30);
  EXPECT_EQ(ledger.balance(Scope::Workspace, "t/w", Meter::TokensMonth).settled,
            today - 1 >= month ? 330 : 30);
  EXPECT_EQ(ledger.balance(Scope::Model, "m", Meter::Requests).settled, 0);
  EXPECT_TRUE(ledger.audit().conserved);
}

INSTANTIATE_TEST_SUITE_P(On, Tables, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::identity
