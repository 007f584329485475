// What only a server has: it may go away, several open it at once, it has a password.
#include <gtest/gtest.h>

#include <thread>

#include "store/postgres_session.h"
#include "store/test_database.h"

namespace xc::store {
namespace {

const Migration kItems{1, "items", {"CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT)"}};

class PostgresTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_.is_installed()) GTEST_SKIP() << "postgresql is not installed";
    url_ = server_.make_database();
  }
  std::unique_ptr<Database> opened() {
    auto database = Database::open(url_, steps_);
    EXPECT_TRUE(database) << (database ? "" : text_of(database.error(), Language::En));
    return database ? std::move(*database) : nullptr;
  }
  static std::size_t count(Database& database) {
    const auto rows = database.query("SELECT id FROM items");
    EXPECT_TRUE(rows) << (rows ? "" : text_of(rows.error(), Language::En));
    return rows ? rows->size() : 0;
  }

  TestPostgres& server_ = TestPostgres::server();
  const std::vector<Migration> steps_{kItems};
  std::string url_;
};

TEST_F(PostgresTest, a_server_that_was_restarted_is_connected_to_again) {
  auto reader = opened();
  auto writer = opened();
  ASSERT_TRUE(writer->execute("INSERT INTO items (id) VALUES (1)"));
  ASSERT_EQ(server_.command("restart"), 0);
  EXPECT_EQ(count(*reader), 1u);
  EXPECT_TRUE(writer->transaction(
      {{"INSERT INTO items (id) VALUES (2)", {}}, {"INSERT INTO items (id) VALUES (3)", {}}}));
  EXPECT_EQ(count(*reader), 3u);
}

TEST_F(PostgresTest, a_server_that_is_away_is_an_error_until_it_is_back) {
  auto database = opened();
  ASSERT_EQ(server_.command("stop"), 0);
  EXPECT_FALSE(database->query("SELECT id FROM items"));
  EXPECT_FALSE(database->execute("INSERT INTO items (id) VALUES (1)"));
  EXPECT_FALSE(Database::open(url_, steps_));
  ASSERT_EQ(server_.command("restart"), 0);
  EXPECT_TRUE(database->execute("INSERT INTO items (id) VALUES (1)"));
  EXPECT_EQ(count(*database), 1u);
}

TEST_F(PostgresTest, a_connection_that_breaks_in_the_middle_leaves_nothing_done) {
  auto database = opened();
  // The statement ends its own connection.
  EXPECT_FALSE(database->transaction({{"INSERT INTO items (id) VALUES (1)", {}},
                                      {"SELECT pg_terminate_backend(pg_backend_pid())", {}}}));
  EXPECT_EQ(count(*database), 0u);
  EXPECT_TRUE(database->execute("INSERT INTO items (id) VALUES (1)"));
}

TEST_F(PostgresTest, one_that_ends_waits_for_no_answer) {
  auto database = opened();
  std::thread ending([&database] { database->hurry(); });
  EXPECT_FALSE(database->query("SELECT pg_sleep(30)"));
  ending.join();
  // Not asked again: a process that ends must not wait once for each thing it has to write.
  EXPECT_FALSE(database->query("SELECT 1"));
  EXPECT_FALSE(database->execute("INSERT INTO items (id) VALUES (1)"));
}

TEST_F(PostgresTest, one_that_ends_still_writes_where_it_is_answered) {
  auto database = opened();
  database->hurry();
  EXPECT_TRUE(database->execute("INSERT INTO items (id) VALUES (1)"));
  EXPECT_EQ(count(*database), 1u);
}

TEST_F(PostgresTest, many_open_and_migrate_at_once) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      const auto database = Database::open(url_);
      EXPECT_TRUE(database) << (database ? "" : text_of(database.error(), Language::En));
      if (database) EXPECT_EQ((*database)->schema_version(), all_migrations().back().version);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PostgresTest, transactions_that_wait_for_each_other_both_end_well) {
  ASSERT_TRUE(opened()->execute("INSERT INTO items (id) VALUES (1), (2)"));
  const auto change = [this](std::int64_t first, std::int64_t second) {
    auto database = opened();
    const std::string update = "UPDATE items SET name = 'x' WHERE id = :p0";
    for (int i = 0; i < 5; ++i) {
      const Status done = database->transaction(
          {{update, {first}}, {"SELECT pg_sleep(0.02)", {}}, {update, {second}}});
      EXPECT_TRUE(done) << (done ? "" : text_of(done.error(), Language::En));
    }
  };
  std::thread other(change, 1, 2);
  change(2, 1);
  other.join();
}

TEST(PostgresUrl, passwords_are_in_no_message) {
  const auto refused = Database::open("postgresql://li:hunter2@127.0.0.1:1/db?connect_timeout=1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::DatabaseError);
  EXPECT_EQ(text_of(refused.error(), Language::En).find("hunter2"), std::string::npos);
  EXPECT_EQ(plain_message("bad port \"hunter2\"\nDETAIL: x", "postgres://li:hunter2@h/d"),
            "bad port \"…\"");
  EXPECT_EQ(shown_postgres("postgres://li:hunter2@h:5/d?password=x"), "postgresql://h:5/d");
  EXPECT_EQ(shown_postgres("postgresql:///d"), "postgresql:///d");
  EXPECT_FALSE(is_postgres("/var/postgresql://x"));
}

}  // namespace
}  // namespace xc::store
