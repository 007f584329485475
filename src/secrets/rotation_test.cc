#include "secrets/rotation.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/limits.h"
#include "store/test_database.h"

namespace xc::secrets {
namespace {

constexpr Kind kKind{"tests", "a test's"};

// Rows of a table that has little but a name and a text.
SealedColumn kept_column() {
  return {kKind,
          "SELECT name, value, name FROM identity_secrets WHERE name <> 'passing' ORDER BY name",
          1,
          "UPDATE identity_secrets SET value = :p0 WHERE value = :p1 AND name = :p2",
          "UPDATE identity_state SET value = value + 1 WHERE name = 'changes'",
          ""};
}
SealedColumn dropped_column() {
  SealedColumn column = kept_column();
  column.select = "SELECT name, value, name FROM identity_secrets WHERE name = 'passing'";
  column.forget = "DELETE FROM identity_secrets WHERE name = 'passing'";
  return column;
}
const std::vector<SealedColumn> kColumns{kept_column(), dropped_column()};

class RotationTest : public store::TestOnDatabases {
 protected:
  RotationTest() { EXPECT_TRUE(make_key_file(path_, random_)); }

  std::unique_ptr<store::Database> database() {
    return std::move(*store::Database::open(database_url()));
  }
  Keys keys() const { return *read_keys(path_); }
  // Texts "text 0", "text 1" … under the newest of these keys.
  void fill(store::Database& database, int count, const Keys& keys) {
    const Sealer sealer = MasterKey(path_, keys, random_).sealer(kKind);
    std::vector<store::Database::Statement> statements;
    for (int i = 0; i < count; ++i) {
      const std::string name = "n" + std::to_string(i);
      statements.push_back({"INSERT INTO identity_secrets (name, value) VALUES (:p0, :p1)",
                            {name, *sealer.seal({name}, "text " + std::to_string(i))}});
    }
    ASSERT_TRUE(database.transaction(statements));
  }
  // Whether these keys open all rows.
  bool all_there(store::Database& database, int count, const Keys& keys) {
    const Sealer sealer = MasterKey(path_, keys, random_).sealer(kKind);
    const auto rows = database.query(
        "SELECT name, value FROM identity_secrets "
        "WHERE name <> 'passing'");
    for (const store::Row& row : *rows) {
      const auto& name = std::get<std::string>(row.at(0));
      const auto text = sealer.unseal({name}, std::get<std::string>(row.at(1)));
      if (text != "text " + name.substr(1)) return false;
    }
    return static_cast<int>(rows->size()) == count;
  }
  Result<Rotation> turn(store::Database& database) {
    return rotate(path_, database, kColumns, random_);
  }

  SystemRandom random_;
  std::string path_ = folder_.path("master.key");
};

TEST_P(RotationTest, everything_is_under_another_key_then) {
  const auto open = database();
  const Keys before = keys();
  fill(*open, 5, before);
  ASSERT_TRUE(open->execute("INSERT INTO identity_secrets (name, value) VALUES ('n5', 'text 5')"));
  ASSERT_TRUE(open->execute("INSERT INTO identity_secrets (name, value) VALUES ('passing', 'x')"));
  const auto done = turn(*open);
  ASSERT_TRUE(done) << text_of(done.error(), Language::En);
  EXPECT_EQ(done->sealed, 6) << "what lay there in the clear too";
  EXPECT_FALSE(done->resumed);
  ASSERT_EQ(keys().size(), 1u);
  EXPECT_NE(keys(), before);
  EXPECT_TRUE(all_there(*open, 6, keys()));
  EXPECT_FALSE(all_there(*open, 6, before));
  EXPECT_TRUE(open->query("SELECT name FROM identity_secrets WHERE name = 'passing'")->empty());
  EXPECT_EQ(turn(*open)->sealed, 6) << "and again";
}

TEST_P(RotationTest, nothing_to_seal_is_fine) {
  const auto open = database();
  EXPECT_EQ(turn(*open)->sealed, 0);
}

TEST_P(RotationTest, wherever_it_broke_off_it_goes_on) {
  constexpr int kRows = 4;
  const auto open = database();
  for (int moved = 0; moved <= kRows; ++moved) {
    ASSERT_TRUE(open->execute("DELETE FROM identity_secrets"));
    const Keys old = keys();
    fill(*open, moved, {crypto::Digest{7, 7}});
    const Sealer under_old = MasterKey(path_, old, random_).sealer(kKind);
    for (int i = moved; i < kRows; ++i) {
      const std::string name = "n" + std::to_string(i);
      ASSERT_TRUE(open->execute("INSERT INTO identity_secrets (name, value) VALUES (:p0, :p1)",
                                {name, *under_old.seal({name}, "text " + std::to_string(i))}));
    }
    ASSERT_TRUE(write_keys(path_, {crypto::Digest{7, 7}, old.front()}));
    EXPECT_TRUE(all_there(*open, kRows, keys())) << "a server may run with both";
    const auto done = turn(*open);
    ASSERT_TRUE(done) << text_of(done.error(), Language::En);
    EXPECT_TRUE(done->resumed);
    EXPECT_EQ(done->sealed, kRows - moved);
    EXPECT_EQ(keys(), (Keys{crypto::Digest{7, 7}})) << "the key that it had made";
    EXPECT_TRUE(all_there(*open, kRows, keys()));
    ASSERT_TRUE(turn(*open));
  }
}

TEST_P(RotationTest, it_waits_for_nobody_and_touches_nothing_then) {
  const auto open = database();
  fill(*open, 2, keys());
  const Keys before = keys();
  const auto used = MasterKey::open(path_, random_);
  const auto refused = turn(*open);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::MasterKeyBusy);
  EXPECT_EQ(keys(), before);
  EXPECT_TRUE(all_there(*open, 2, before));
}

TEST_P(RotationTest, what_does_not_open_stops_it_before_it_began) {
  const auto open = database();
  const Keys before = keys();
  fill(*open, 2, before);
  ASSERT_TRUE(open->execute("UPDATE identity_secrets SET name = 'moved' WHERE name = 'n1'"));
  const auto refused = turn(*open);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::SecretsUnread);
  EXPECT_NE(text_of(refused.error(), Language::En).find("a test's moved"), std::string::npos);
  EXPECT_EQ(keys(), before);
}

TEST_P(RotationTest, what_is_made_anew_need_not_open) {
  const auto open = database();
  const std::string sealed = *MasterKey(random_).sealer(kKind).seal({"passing"}, "x");
  ASSERT_TRUE(open->execute("INSERT INTO identity_secrets (name, value) VALUES ('passing', :p0)",
                            {sealed}));
  EXPECT_EQ(unread_of(*open, *MasterKey::look(path_, random_), dropped_column())->size(), 1u);
  EXPECT_TRUE(turn(*open));
}

// One in a process of its own.
pid_t begin(const std::string& path, const std::string& url) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  SystemRandom random;
  auto own = store::Database::open(url);
  const bool done = own && rotate(path, **own, kColumns, random);
  ::_exit(done ? 0 : 1);
}
// Whether it ended by itself, and not by a signal.
bool ended(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status)) EXPECT_EQ(WEXITSTATUS(status), 0);
  return WIFEXITED(status);
}

TEST_P(RotationTest, killed_at_any_moment_no_text_is_lost) {
  constexpr int kRows = static_cast<int>(limits::kSealBatch) * 3 + 5;
  const std::string url = database_url();
  fill(*database(), kRows, keys());  // closed before each fork
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(ended(begin(path_, url)));
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  int killed = 0;
  int torn = 0;  // with two keys in the file
  SeededRandom chance(11);
  for (int round = 0; round < 30; ++round) {
    const pid_t child = begin(path_, url);
    std::this_thread::sleep_for(whole * (static_cast<double>(chance.next() % 1'000) / 1'000));
    ::kill(child, SIGKILL);
    if (!ended(child)) ++killed;
    if (keys().size() == 2) ++torn;
    ASSERT_TRUE(all_there(*database(), kRows, keys())) << round;
  }
  RecordProperty("killed", killed);
  RecordProperty("torn", torn);
  const auto open = database();
  const auto last = turn(*open);
  ASSERT_TRUE(last) << text_of(last.error(), Language::En);
  EXPECT_TRUE(all_there(*open, kRows, keys()));
  EXPECT_EQ(keys().size(), 1u);
  for (const auto& file : std::filesystem::directory_iterator(folder_.path(""))) {
    EXPECT_EQ(file.path().filename().string().find(".tmp-"), std::string::npos) << file.path();
  }
}

TEST_P(RotationTest, several_may_seal_what_is_in_the_clear_at_once) {
  constexpr int kRows = 300;
  const auto open = database();
  std::vector<store::Database::Statement> statements;
  for (int i = 0; i < kRows; ++i) {
    statements.push_back({"INSERT INTO identity_secrets (name, value) VALUES (:p0, :p1)",
                          {"n" + std::to_string(i), "text " + std::to_string(i)}});
  }
  ASSERT_TRUE(open->transaction(statements));
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this] {
      SystemRandom own;
      const auto database = store::Database::open(database_url());
      const auto master = MasterKey::open(path_, own);
      EXPECT_TRUE(database && master && seal_anew(**database, *master, kept_column()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(all_there(*open, kRows, keys()));
  EXPECT_EQ(seal_anew(*open, *MasterKey::open(path_, random_), kept_column())->sealed, 0);
}

INSTANTIATE_TEST_SUITE_P(On, RotationTest, store::on_all_databases(), store::name_of_kind);

}  // namespace
}  // namespace xc::secrets
