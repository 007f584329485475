// The relational store: SQLite file by default, PostgreSQL by URL. Blocking: call on a store
// thread (net::BlockingPool) or at start. One Database is thread-safe (a lock inside).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "store/migrations.h"

namespace xc::store {

using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

class Database {
 public:
  // "sqlite:///abs/path.db", a plain path, or "postgresql://…" as libpq reads it. Makes the file
  // (mode 0600) when there is none and runs the migrations, each in its own transaction; several
  // processes may open one database at once. Error: DatabaseError, DatabaseTooNew,
  // DatabaseUnsupported.
  static Result<std::unique_ptr<Database>> open(const std::string& url);
  static Result<std::unique_ptr<Database>> open(const std::string& url,
                                                std::span<const Migration> migrations);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // A PostgreSQL server that was away is connected to again by the next call. A query is then
  // asked again; a change only when the server had not begun it, so nothing happens twice. A
  // change whose commit got no answer is an error, and may have happened.
  // Placeholders are :p0, :p1, …. Parameters are always bound, never pasted. Error: DatabaseError.
  Status execute(std::string_view sql, const std::vector<Value>& parameters = {});
  Result<std::vector<Row>> query(std::string_view sql, const std::vector<Value>& parameters = {});
  // All or nothing.
  struct Statement {
    std::string sql;
    std::vector<Value> parameters;
    // Once the transaction is done, processes on the same PostgreSQL database hear of it
    // (change_feed.h). SQLite tells nobody.
    bool announced = false;
  };
  Status transaction(const std::vector<Statement>& statements);
  // The process ends: from now on a PostgreSQL server that does not answer is waited for no longer
  // than limits::kDatabaseLastWait, and after that not asked again. Thread-safe, does not wait.
  void hurry();
  // Gateways on other machines may use it too.
  bool is_shared() const;
  int schema_version() const;  // as this process opened it

 private:
  struct Parts;
  explicit Database(std::unique_ptr<Parts> parts);
  Status migrate(std::span<const Migration> migrations);
  Status migrate_alone(std::span<const Migration> migrations);
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::store
