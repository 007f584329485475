// Runs a test on each kind of database: a fixture derives from TestOnDatabases, tests are TEST_P.
// PostgreSQL is a private server that the first test starts and the end of the program ends; where
// it is not installed those tests are skipped (./x test installs it).
#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "store/database.h"

extern char** environ;

namespace xc::store {

enum class TestKind : std::uint8_t { Sqlite, Postgres };

// One server a test program. tests/postgres.sh ends it when this process is gone.
class TestPostgres {
 public:
  static TestPostgres& server() {
    static TestPostgres one;
    return one;
  }
  bool is_installed() const { return status_ != kNotInstalled; }
  // The URL of a fresh database.
  std::string make_database() {
    const std::string name = "t" + std::to_string(++made_);
    auto root = Database::open(url("postgres"), std::vector<Migration>{});
    EXPECT_TRUE(root) << (root ? "" : text_of(root.error(), Language::En));
    // Not in a transaction, as execute() would do it.
    if (root) EXPECT_TRUE((*root)->query("CREATE DATABASE " + name));
    return url(name);
  }
  const std::string& folder() const { return folder_; }
  // "stop", "restart". The script's exit status.
  int command(const std::string& verb) const {
    const std::string pid = std::to_string(::getpid());
    std::vector<std::string> words{"tests/postgres.sh", verb, folder_, pid};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return -1;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static constexpr int kNotInstalled = 77;
  TestPostgres() : status_(command("start")) {
    EXPECT_TRUE(status_ == 0 || status_ == kNotInstalled) << status_;
  }
  std::string url(const std::string& name) const {
    std::string host;
    for (const char c : folder_) c == '/' ? host += "%2F" : host += c;
    return "postgresql://xingcha@" + host + "/" + name;
  }
  const std::string folder_ = "/tmp/xingcha-pg-" + std::to_string(::getpid());
  const int status_;
  int made_ = 0;
};

class TestOnDatabases : public testing::TestWithParam<TestKind> {
 public:
  // Where this test's own database is; always the same one.
  const std::string& database_url() {
    if (url_.empty()) {
      url_ = GetParam() == TestKind::Sqlite ? folder_.path("x.db")
                                            : TestPostgres::server().make_database();
    }
    return url_;
  }
  // All that lies on disk of this test's database: the files, or the server's log of changes.
  std::string stored_bytes() const {
    std::string bytes;
    const std::string folder = GetParam() == TestKind::Sqlite
                                   ? folder_.path("")
                                   : TestPostgres::server().folder() + "/data/pg_wal";
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      std::ostringstream all;
      all << std::ifstream(file.path(), std::ios::binary).rdbuf();
      bytes += all.str();
    }
    return bytes;
  }

 protected:
  TestOnDatabases() {
    // A fixture's members open the database before SetUp() could skip the test.
    if (GetParam() == TestKind::Postgres && !TestPostgres::server().is_installed()) {
      url_ = folder_.path("unused.db");
      missing_ = true;
    }
  }
  void SetUp() override {
    if (missing_) GTEST_SKIP() << "postgresql is not installed";
  }
  TestFolder folder_;

 private:
  std::string url_;
  bool missing_ = false;
};

inline auto on_all_databases() { return testing::Values(TestKind::Sqlite, TestKind::Postgres); }
inline std::string name_of_kind(const testing::TestParamInfo<TestKind>& info) {
  return info.param == TestKind::Sqlite ? "sqlite" : "postgres";
}

}  // namespace xc::store
