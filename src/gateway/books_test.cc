#include "gateway/books.h"

#include <gtest/gtest.h>

#include "audit/text_codes.h"
#include "audit/verify.h"
#include "store/test_database.h"

namespace xc::gateway {
namespace {

using identity::Meter;
using identity::Scope;
using identity::Tokens;
using identity::UsageBy;

class BooksTest : public store::TestOnDatabases {
 protected:
  BooksTest() {
    database = *store::Database::open(database_url());
    open();
  }
  bool shared() const { return database->is_shared(); }
  void open() {
    audit::LogOptions options;
    options.folder = folder_.path("audit");
    options.sync_interval = sync_interval;
    log = *audit::Log::open(options, clock, random);
    auto opened = Books::open(*log, *database, clock);
    ASSERT_TRUE(opened) << text_of(opened.error(), Language::En);
    books = std::move(*opened);
  }
  // As after kill -9: what was reserved is forgotten, what is on disk stays.
  void restart() {
    books.reset();
    log.reset();
    open();
  }
  struct Running {
    identity::Grant grant;
    audit::Ticket ticket;
  };
  Running begin(std::int64_t tokens) {
    const identity::Party party{"key_1", "t/w", "t", "m"};
    auto grant = books->ledger().reserve(party, {tokens, 0, 0});
    if (!grant && shared()) grant = books->leases()->reserve(party, {tokens, 0, 0});
    EXPECT_TRUE(grant);
    const auto ticket = books->admit({.request_id = "r",
                                      .tenant = "t",
                                      .workspace = "t/w",
                                      .key_id = "key_1",
                                      .model = "m",
                                      .reserved_tokens = tokens});
    EXPECT_TRUE(ticket);
    return {*grant, *ticket};
  }
  void end(const Running& running, const Tokens& tokens, std::string_view endpoint = {}) {
    const auto cost = books->ledger().settle(running.grant, tokens);
    const Spent spent{running.grant.accounts, tokens, *cost};
    books->settle(running.ticket,
                  {.request_id = "r",
                   .tenant = "t",
                   .workspace = "t/w",
                   .key_id = "key_1",
                   .model = "m",
                   .pool = endpoint.empty() ? "" : "p",
                   .endpoint = endpoint,
                   .status = 200,
                   .ended = "done",
                   .prompt_tokens = tokens.prompt,
                   .cached_tokens = tokens.cached,
                   .completion_tokens = tokens.completion,
                   .cost_micro = *cost},
                  Ended::Done, &spent);
  }
  void sync() {  // all leaves so far are on disk
    const auto last = log->event(audit::RecordText().text("event", "test").take());
    ASSERT_TRUE(log->wait(*last, Deadline::never()));
  }
  identity::UsageTable::Cursor cursor() {
    return *books->usage().cursor(audit::hex_of(audit::view_of(log->key().log_id())));
  }
  identity::UsageSums used() {
    const auto groups = books->usage().query({0, 1'000'000, {}, ""});
    return groups->front().sums;
  }
  std::string ends() {
    std::string text;
    const auto groups = books->usage().query({0, 1'000'000, {UsageBy::Ended}, ""});
    for (const auto& group : *groups) {
      text += group.names[0] + "=" + std::to_string(group.sums.requests) + " ";
    }
    return text;
  }

  std::chrono::milliseconds sync_interval{0};
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<audit::Log> log;
  std::unique_ptr<Books> books;
};

TEST_P(BooksTest, settlements_reach_the_table_once) {
  books->ledger().price("m", {1'000'000, 0, 0});
  end(begin(50), {30, 10, 5});
  sync();
  ASSERT_TRUE(books->roll_up());
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(used().requests, 1);
  EXPECT_EQ(used().prompt_tokens, 30);
  EXPECT_EQ(used().cached_tokens, 10);
  EXPECT_EQ(used().completion_tokens, 5);
  EXPECT_EQ(used().cost_micro, 20);
  restart();
  EXPECT_EQ(used().requests, 1);
}

TEST_P(BooksTest, what_was_not_rolled_up_is_found_in_the_log) {
  ASSERT_TRUE(books->rules().set({{Scope::Tenant, "t", Meter::TokensMonth, 1'000, 80}}));
  for (int i = 0; i < 3; ++i) end(begin(50), {30, 0, 5});
  sync();
  ASSERT_TRUE(books->roll_up());
  for (int i = 0; i < 4; ++i) end(begin(50), {30, 0, 5});
  sync();
  restart();
  EXPECT_EQ(used().requests, 7);
  EXPECT_EQ(used().prompt_tokens, 210);
  if (shared()) {
    const auto rows = books->leases()->shared();
    ASSERT_EQ(rows->size(), 1u);
    EXPECT_EQ(rows->front().settled, 245);
    EXPECT_EQ(rows->front().held, 0);
  } else {
    EXPECT_EQ(books->ledger().balance(Scope::Tenant, "t", Meter::TokensMonth).settled, 245);
    EXPECT_EQ(books->ledger().balance(Scope::Tenant, "t", Meter::TokensMonth).remaining, 755);
  }
  EXPECT_TRUE(books->ledger().audit().conserved);
  restart();
  EXPECT_EQ(used().requests, 7);
}

TEST_P(BooksTest, requests_that_were_running_are_lost_and_cost_nothing) {
  end(begin(50), {30, 0, 5});
  const Running early = begin(50);  // admitted long before the end
  sync();
  ASSERT_TRUE(books->roll_up());
  end(begin(50), {30, 0, 5});
  begin(70);
  sync();
  ASSERT_TRUE(books->roll_up());
  restart();
  EXPECT_EQ(ends(), "done=2 lost=2 ");
  EXPECT_EQ(used().prompt_tokens, 60);
  EXPECT_EQ(books->ledger().audit().open, 0u);
  restart();
  EXPECT_EQ(ends(), "done=2 lost=2 ");
  log->close();
  const auto found = audit::verify(folder_.path("audit"), {});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->good());
  EXPECT_EQ(found->open_admissions, 0u);
  EXPECT_EQ(found->admissions, found->settlements);
  static_cast<void>(early);
}

TEST_P(BooksTest, an_admission_is_open_until_its_settlement_is_written) {
  const Running running = begin(50);
  books->ledger().settle(running.grant, {30, 0, 5});  // its leaf would come now
  ASSERT_TRUE(books->admit({.request_id = "r2", .key_id = "k", .target = "/admin/x"}));
  end(begin(50), {30, 0, 5});
  sync();
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(cursor().open_from, running.ticket.index);
  restart();
  EXPECT_EQ(ends(), "done=1 lost=1 ");
  log->close();
  const auto found = audit::verify(folder_.path("audit"), {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->open_admissions, 0u);
}

TEST_P(BooksTest, an_admission_is_open_until_its_settlement_is_on_disk) {
  sync_interval = std::chrono::milliseconds(500);
  restart();
  const Running running = begin(50);
  sync();
  end(running, {30, 0, 5});
  const std::uint64_t settlement = log->stats().leaves - 1;
  ASSERT_TRUE(books->roll_up());
  if (log->head().size > settlement) GTEST_SKIP() << "the disk was faster";
  EXPECT_EQ(cursor().open_from, running.ticket.index);
  sync();
  ASSERT_TRUE(books->roll_up());
  EXPECT_GT(cursor().open_from, settlement);
}

TEST_P(BooksTest, refusals_leave_room_for_settlements) {
  sync_interval = std::chrono::minutes(1);
  restart();
  const Running running = begin(50);
  while (log->notice("{}")) continue;
  const std::uint64_t leaves = log->stats().leaves;
  for (int i = 0; i < 10; ++i) books->refused(audit::RecordText().text("event", "refused"));
  EXPECT_EQ(log->stats().leaves, leaves);
  end(running, {30, 0, 5});
  EXPECT_EQ(log->stats().leaves, leaves + 1);
}

TEST_P(BooksTest, a_database_that_was_away_misses_nothing) {
  end(begin(50), {30, 0, 5});
  sync();
  ASSERT_TRUE(database->execute("ALTER TABLE usage_hours RENAME TO away"));
  EXPECT_FALSE(books->roll_up());
  end(begin(50), {30, 0, 5});
  sync();
  EXPECT_FALSE(books->roll_up());
  ASSERT_TRUE(database->execute("ALTER TABLE away RENAME TO usage_hours"));
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(used().requests, 2);
}

// The answer to a commit is lost with its connection, and the commit happened.
TEST_P(BooksTest, a_roll_up_that_happened_after_all_is_not_done_twice) {
  end(begin(50), {30, 0, 5});
  sync();
  const auto other = *store::Database::open(database_url());
  ASSERT_TRUE(database->execute("ALTER TABLE usage_hours RENAME TO away"));
  EXPECT_FALSE(books->roll_up());
  ASSERT_TRUE(database->execute("ALTER TABLE away RENAME TO usage_hours"));
  identity::UsageTable table(*other);
  const std::string name = audit::hex_of(audit::view_of(log->key().log_id()));
  const std::uint64_t size = log->head().size;
  ASSERT_TRUE(table.add(
      name, {{clock.unix_ms() / 3'600'000, "t", "t/w", "key_1", "m", "done", {1, 30, 0, 5, 0}}},
      {size, size}));
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(used().requests, 1);
  end(begin(50), {30, 0, 5});
  sync();
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(used().requests, 2);
}

TEST_P(BooksTest, the_end_adds_up_and_holds_nothing) {
  ASSERT_TRUE(books->rules().set({{Scope::Tenant, "t", Meter::TokensMonth, 1'000, 80}}));
  end(begin(50), {30, 0, 5});
  ASSERT_TRUE(books->close());
  EXPECT_EQ(used().requests, 1);
  if (!shared()) return;
  const auto rows = books->leases()->shared();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().settled, 35);
  EXPECT_EQ(rows->front().held, 0);
}

TEST_P(BooksTest, what_spends_nothing_is_no_usage) {
  const auto ticket = books->admit({.request_id = "r", .key_id = "k", .target = "/admin/x"});
  books->settle(*ticket, {.request_id = "r", .key_id = "k", .status = 200}, Ended::Done, nullptr);
  sync();
  ASSERT_TRUE(books->roll_up());
  EXPECT_EQ(used().requests, 0);
  restart();
  EXPECT_EQ(used().requests, 0);
}

TEST_P(BooksTest, a_flood_of_refusals_is_counted) {
  for (int i = 0; i < 1'000; ++i) books->refused(audit::RecordText().text("event", "refused"));
  sync();
  EXPECT_LE(log->head().size, 2u + 2 * 100 + 2);
}

TEST_P(BooksTest, usage_is_told_apart_by_place_also_after_a_crash) {
  end(begin(50), {30, 0, 5}, "e1");
  end(begin(50), {30, 0, 5});
  sync();
  ASSERT_TRUE(books->roll_up());
  end(begin(50), {30, 0, 5}, "e2");
  end(begin(50), {30, 0, 5}, "e1");
  sync();
  restart();
  using identity::UsageBy;
  const auto groups = books->usage().query({0, 1'000'000, {UsageBy::Pool, UsageBy::Endpoint}, ""});
  ASSERT_EQ(groups->size(), 3u);
  using Names = std::vector<std::string>;
  EXPECT_EQ((*groups)[0].names, (Names{"", ""}));
  EXPECT_EQ((*groups)[1].names, (Names{"p", "e1"}));
  EXPECT_EQ((*groups)[1].sums.requests, 2);
  EXPECT_EQ((*groups)[2].names, (Names{"p", "e2"}));
}

TEST_P(BooksTest, alerts_are_on_record) {
  ASSERT_TRUE(books->rules().set({{Scope::Tenant, "t", Meter::TokensMonth, 100, 50}}));
  end(begin(60), {60, 0, 0});
  ASSERT_TRUE(books->roll_up());
  sync();
  bool seen = false;
  for (std::uint64_t at = 0; at < log->head().size; ++at) {
    constexpr std::string_view kAlert =
        R"("event":"quota_alert","scope":"tenant","name":"t","tenant":"t")";
    seen |= log->read(at)->record.text.find(kAlert) != std::string::npos;
  }
  EXPECT_TRUE(seen);
}

INSTANTIATE_TEST_SUITE_P(On, BooksTest, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::gateway
