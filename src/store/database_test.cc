#include "store/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>
#include <thread>

#include "store/postgres_session.h"
#include "store/test_database.h"

namespace xc::store {
namespace {

class DatabaseTest : public TestOnDatabases {
 protected:
  std::string path_ = database_url();
  std::unique_ptr<Database> opened(std::span<const Migration> steps = all_migrations()) {
    auto database = Database::open(path_, steps);
    EXPECT_TRUE(database) << (database ? "" : text_of(database.error(), Language::En));
    return database ? std::move(*database) : nullptr;
  }
};
INSTANTIATE_TEST_SUITE_P(On, DatabaseTest, on_all_databases(), name_of_kind);

// What only a file has.
class SqliteTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::string path_ = folder_.path("xingcha.db");
  std::unique_ptr<Database> opened() { return std::move(*Database::open(path_)); }
};

const Migration kItems{1,
                       "items",
                       {"CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT, "
                        "weight DOUBLE PRECISION)"}};
const Migration kParts{2,
                       "parts",
                       {"CREATE TABLE parts (item BIGINT NOT NULL REFERENCES items(id))",
                        "INSERT INTO items (id, name) VALUES (1, 'first')"}};
const Migration kBroken{3, "broken", {"DELETE FROM items", "CREATE NONSENSE"}};

TEST_P(DatabaseTest, migrations_run_once_in_order) {
  const std::vector<Migration> first{kItems};
  const std::vector<Migration> second{kItems, kParts};
  EXPECT_EQ(opened(first)->schema_version(), 1);
  EXPECT_EQ(opened(second)->schema_version(), 2);
  auto again = opened(second);
  EXPECT_EQ(again->schema_version(), 2);
  EXPECT_EQ(again->query("SELECT name FROM items")->size(), 1u);
}

TEST_P(DatabaseTest, the_programs_own_migrations_are_numbered_without_gaps) {
  int expected = 1;
  for (const Migration& step : all_migrations()) EXPECT_EQ(step.version, expected++);
  EXPECT_EQ(opened()->schema_version(), expected - 1);
}

TEST_P(DatabaseTest, a_step_that_fails_leaves_nothing_and_later_runs_again) {
  const std::vector<Migration> good{kItems, kParts};
  const std::vector<Migration> bad{kItems, kParts, kBroken};
  EXPECT_EQ(opened(good)->schema_version(), 2);
  const auto failed = Database::open(path_, bad);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, Message::DatabaseError);
  auto database = opened(good);
  EXPECT_EQ(database->schema_version(), 2);
  EXPECT_EQ(database->query("SELECT id FROM items")->size(), 1u);
}

TEST_P(DatabaseTest, a_newer_programs_file_is_refused_with_both_versions) {
  const std::vector<Migration> newer{kItems, kParts};
  const std::vector<Migration> older{kItems};
  opened(newer);
  const auto refused = Database::open(path_, older);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::DatabaseTooNew);
  const std::string shown = GetParam() == TestKind::Sqlite ? path_ : shown_postgres(path_);
  EXPECT_EQ(refused.error().args, (std::vector<std::string>{shown, "2", "1"}));
}

TEST_F(SqliteTest, other_databases_are_refused_without_their_password) {
  const auto refused = Database::open("mysql://user:hunter2@host/db");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::DatabaseUnsupported);
  EXPECT_EQ(text_of(refused.error(), Language::En).find("hunter2"), std::string::npos);
}

TEST_F(SqliteTest, sqlite_url_and_odd_folder_names_open) {
  const std::string odd = folder_.path("a b=c 数据");
  std::filesystem::create_directory(odd);
  EXPECT_TRUE(Database::open("sqlite://" + odd + "/x.db"));
  EXPECT_TRUE(std::filesystem::exists(odd + "/x.db"));
  EXPECT_FALSE(Database::open(folder_.path("absent/x.db")));
  EXPECT_FALSE(Database::open(""));
}

TEST_F(SqliteTest, only_the_owner_reads_the_files) {
  auto database = opened();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat facts{};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &facts), 0) << suffix;
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteTest, settings_are_in_force) {
  auto database = opened();
  EXPECT_EQ(std::get<std::string>((*database->query("PRAGMA journal_mode"))[0][0]), "wal");
  const auto number = [&](const char* sql) {
    const Value value = (*database->query(sql))[0][0];
    if (const auto* text = std::get_if<std::string>(&value)) return std::stoll(*text);
    return static_cast<long long>(std::get<std::int64_t>(value));
  };
  EXPECT_EQ(number("PRAGMA synchronous"), 2);  // FULL
  EXPECT_EQ(number("PRAGMA foreign_keys"), 1);
  EXPECT_GT(number("PRAGMA busy_timeout"), 0);
}

TEST_P(DatabaseTest, every_kind_of_value_comes_back) {
  const std::vector<Migration> steps{kItems};
  auto database = opened(steps);
  const std::int64_t big = std::numeric_limits<std::int64_t>::max();
  const std::string nasty = "'); DROP TABLE items; -- 星槎 :p1";
  ASSERT_TRUE(database->execute("INSERT INTO items (id, name, weight) VALUES (:p0, :p1, :p2)",
                                {big, nasty, 0.5}));
  ASSERT_TRUE(database->execute("INSERT INTO items (weight, id, name) VALUES (:p2, :p0, :p1)",
                                {std::int64_t{-1}, nullptr, nullptr}));
  const auto rows = database->query("SELECT id, name, weight FROM items ORDER BY id DESC");
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0], (Row{big, nasty, 0.5}));
  EXPECT_EQ((*rows)[1], (Row{std::int64_t{-1}, nullptr, nullptr}));
  const auto found = database->query("SELECT id FROM items WHERE name = :p0", {nasty});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 1u);
  EXPECT_TRUE(
      database->query("SELECT id FROM items WHERE name = :p0", {std::string("x")})->empty());
}

TEST_P(DatabaseTest, a_wrong_statement_is_an_error_and_hides_values) {
  const std::vector<Migration> steps{kItems};
  auto database = opened(steps);
  EXPECT_FALSE(database->execute("NONSENSE"));
  EXPECT_FALSE(database->execute("INSERT INTO items (id) VALUES (:p0)"));
  ASSERT_TRUE(database->execute("INSERT INTO items (id) VALUES (:p0)", {std::int64_t{7}}));
  const Status twice = database->execute("INSERT INTO items (id, name) VALUES (:p0, :p1)",
                                         {std::int64_t{7}, std::string("secret")});
  ASSERT_FALSE(twice);
  EXPECT_FALSE(database->execute("INSERT INTO items (id, name) VALUES (:p0, :p1)",
                                 {std::int64_t{8}, std::string("cut\0off", 7)}));
  EXPECT_EQ(text_of(twice.error(), Language::En).find("secret"), std::string::npos);
}

TEST_P(DatabaseTest, a_transaction_is_all_or_nothing) {
  const std::vector<Migration> steps{kItems, kParts};
  auto database = opened(steps);
  const std::string insert = "INSERT INTO items (id) VALUES (:p0)";
  EXPECT_TRUE(database->transaction({{insert, {std::int64_t{2}}}, {insert, {std::int64_t{3}}}}));
  EXPECT_FALSE(database->transaction({{insert, {std::int64_t{4}}}, {insert, {std::int64_t{2}}}}));
  EXPECT_FALSE(database->transaction(
      {{insert, {std::int64_t{5}}}, {"INSERT INTO parts (item) VALUES (99)", {}}}));
  EXPECT_EQ(database->query("SELECT id FROM items")->size(), 3u);
}

TEST_P(DatabaseTest, two_processes_worth_of_handles_write_without_losing_one) {
  const std::vector<Migration> steps{kItems};
  const auto write = [&](std::int64_t from) {
    auto database = Database::open(path_, steps);  // both may run the migration
    ASSERT_TRUE(database) << text_of(database.error(), Language::En);
    for (std::int64_t i = from; i < from + 50; ++i) {
      const Status done = (*database)->execute("INSERT INTO items (id) VALUES (:p0)", {i});
      EXPECT_TRUE(done) << text_of(done.error(), Language::En);
    }
  };
  std::thread other(write, 1'000);
  write(2'000);
  other.join();
  EXPECT_EQ(opened(steps)->query("SELECT id FROM items")->size(), 100u);
}

}  // namespace
}  // namespace xc::store
