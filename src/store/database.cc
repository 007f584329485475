#include "store/database.h"

#include <fmt/core.h>
#include <soci/soci.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/limits.h"
#include "base/log.h"
#include "store/change_feed.h"
#include "store/postgres_session.h"
#include "store/reply_watch.h"
#include "store/sqlite_session.h"

namespace xc::store {
namespace {

// Binds by address, so it lives in one place until the statement has run.
struct Bound {
  std::string name;
  soci::indicator null = soci::i_ok;
  long long integer = 0;
  double real = 0;
  std::string text;
};

// A placeholder without a value would silently be NULL in SQLite, and what follows a zero byte
// would silently be cut off by PostgreSQL's driver.
std::vector<Bound> bound_of(std::string_view sql, const std::vector<Value>& parameters) {
  if (sql.find(fmt::format(":p{}", parameters.size())) != std::string_view::npos) {
    throw soci::soci_error("a placeholder has no value");
  }
  std::vector<Bound> all(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Bound& b = all[i];
    b.name = fmt::format("p{}", i);
    if (const auto* integer = std::get_if<std::int64_t>(&parameters[i])) b.integer = *integer;
    if (const auto* real = std::get_if<double>(&parameters[i])) b.real = *real;
    if (const auto* text = std::get_if<std::string>(&parameters[i])) b.text = *text;
    if (b.text.find('\0') != std::string::npos) throw soci::soci_error("a text has a zero byte");
    if (std::holds_alternative<std::nullptr_t>(parameters[i])) b.null = soci::i_null;
  }
  return all;
}

void bind(soci::statement& statement, const std::vector<Value>& parameters,
          std::vector<Bound>& bound) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Bound& b = bound[i];
    if (std::holds_alternative<std::int64_t>(parameters[i])) {
      statement.exchange(soci::use(b.integer, b.null, b.name));
    } else if (std::holds_alternative<double>(parameters[i])) {
      statement.exchange(soci::use(b.real, b.null, b.name));
    } else {
      statement.exchange(soci::use(b.text, b.null, b.name));
    }
  }
}

Value value_of(const soci::row& row, std::size_t column) {
  if (row.get_indicator(column) == soci::i_null) return nullptr;
  switch (row.get_properties(column).get_data_type()) {
    case soci::dt_integer:
      return static_cast<std::int64_t>(row.get<int>(column));
    case soci::dt_long_long:
      return static_cast<std::int64_t>(row.get<long long>(column));
    case soci::dt_unsigned_long_long:
      return static_cast<std::int64_t>(row.get<unsigned long long>(column));
    case soci::dt_double:
      return row.get<double>(column);
    case soci::dt_string:
    case soci::dt_xml:
      return row.get<std::string>(column);
    case soci::dt_date:
    case soci::dt_blob:
      break;
  }
  throw soci::soci_error("a column has a type this program does not use");
}

void run(soci::session& session, std::string_view sql, const std::vector<Value>& parameters) {
  std::vector<Bound> bound = bound_of(sql, parameters);
  soci::statement statement(session);
  bind(statement, parameters, bound);
  statement.alloc();
  statement.prepare(std::string(sql));
  statement.define_and_bind();
  statement.execute(true);
}

std::vector<Row> run_query(soci::session& session, std::string_view sql,
                           const std::vector<Value>& parameters) {
  std::vector<Bound> bound = bound_of(sql, parameters);
  soci::row fetched;
  soci::statement statement(session);
  statement.exchange(soci::into(fetched));
  bind(statement, parameters, bound);
  statement.alloc();
  statement.prepare(std::string(sql));
  statement.define_and_bind();
  std::vector<Row> rows;
  for (bool more = statement.execute(true); more; more = statement.fetch()) {
    Row row;
    row.reserve(fetched.size());
    for (std::size_t i = 0; i < fetched.size(); ++i) row.push_back(value_of(fetched, i));
    rows.push_back(std::move(row));
  }
  return rows;
}

// Two that stood in each other's way and began again at the same moment would do so for ever: the
// clock's last digits part them.
void give_way(int tries) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  std::this_thread::sleep_for(std::chrono::microseconds(count * 7919 % (tries * 200'000)));
}

}  // namespace

struct Database::Parts {
  mutable std::mutex lock;  // held for one statement or transaction
  soci::session session;
  std::string url;                    // of PostgreSQL; empty: SQLite
  std::string shown;                  // in messages
  std::unique_ptr<ReplyWatch> watch;  // of PostgreSQL
  int version = 0;

  std::unexpected<Error> error_of(const std::exception& error) const;
  // Under lock, like the rest. True when the connection was lost and there is a new one.
  bool connected_again();
  void begin();
  void announce(const std::vector<Statement>& statements);
  void attempt(const std::vector<Statement>& statements);
};

std::unexpected<Error> Database::Parts::error_of(const std::exception& error) const {
  // what() of the driver's error quotes the statement with its values; those may be secrets.
  const auto* from_driver = dynamic_cast<const soci::soci_error*>(&error);
  std::string message = from_driver ? from_driver->get_error_message() : std::string(error.what());
  if (!url.empty()) message = plain_message(std::move(message), url);
  return fail(Code::Internal, Message::DatabaseError, {std::move(message)});
}

bool Database::Parts::connected_again() {
  if (url.empty() || session.is_connected()) return false;
  if (watch->gave_up()) return false;
  session.close();
  open_postgres(session, url, *watch);
  log::info("store", "connected to the database again");
  return true;
}

void Database::Parts::begin() {
  // IMMEDIATE takes SQLite's write lock now, where the busy time-out works; a lock upgraded in the
  // middle fails at once instead.
  if (url.empty()) {
    session << "BEGIN IMMEDIATE";
    return;
  }
  try {
    const ReplyWatch::Guard guard(watch.get());
    session << "BEGIN";
  } catch (const std::exception&) {
    if (!connected_again()) throw;
    const ReplyWatch::Guard guard(watch.get());
    session << "BEGIN";
  }
}

// The server passes it on when, and only when, the transaction is committed.
void Database::Parts::announce(const std::vector<Statement>& statements) {
  if (url.empty() || !std::ranges::any_of(statements, &Statement::announced)) return;
  const ReplyWatch::Guard guard(watch.get());
  session << fmt::format("NOTIFY {}", kChangesChannel);
}

void Database::Parts::attempt(const std::vector<Statement>& statements) {
  begin();
  try {
    for (const Statement& statement : statements) {
      const ReplyWatch::Guard guard(watch.get());
      run(session, statement.sql, statement.parameters);
    }
    announce(statements);
    const ReplyWatch::Guard guard(watch.get());
    session << "COMMIT";
  } catch (const std::exception&) {
    try {
      const ReplyWatch::Guard guard(watch.get());
      session << "ROLLBACK";
    } catch (const std::exception& second) {
      // SQLite rolls back by itself on some errors (disk full), and PostgreSQL when the connection
      // is lost; then there is nothing to undo.
      log::warn("store", "a transaction could not be rolled back by us: {}",
                text_of(error_of(second).error(), Language::En));
    }
    throw;
  }
}

Database::Database(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& url) {
  return open(url, all_migrations());
}

Result<std::unique_ptr<Database>> Database::open(const std::string& url,
                                                 std::span<const Migration> migrations) {
  constexpr std::string_view kSqlite = "sqlite://";
  std::string path = url.starts_with(kSqlite) ? url.substr(kSqlite.size()) : url;
  auto parts = std::make_unique<Parts>();
  if (is_postgres(url)) {
    parts->url = url;
    path = shown_postgres(url);
  } else if (const std::size_t scheme = path.find("://"); scheme != std::string::npos) {
    // Only the scheme: the rest of the URL may hold a password.
    return fail(Code::Internal, Message::DatabaseUnsupported, {path.substr(0, scheme + 3) + "…"});
  }
  parts->shown = path;
  try {
    if (parts->url.empty()) {
      XC_CHECK(open_sqlite(parts->session, path));
    } else {
      parts->watch = std::make_unique<ReplyWatch>();
      open_postgres(parts->session, url, *parts->watch);
    }
  } catch (const std::exception& error) {
    return parts->error_of(error);
  }
  std::unique_ptr<Database> database(new Database(std::move(parts)));
  XC_CHECK(database->migrate(migrations));
  return database;
}

Status Database::execute(std::string_view sql, const std::vector<Value>& parameters) {
  // Of a single statement PostgreSQL would not say whether it had begun when the connection broke.
  if (!parts_->url.empty()) return transaction({Statement{std::string(sql), parameters}});
  const std::lock_guard hold(parts_->lock);
  try {
    run(parts_->session, sql, parameters);
    return {};
  } catch (const std::exception& error) {
    return parts_->error_of(error);
  }
}

Result<std::vector<Row>> Database::query(std::string_view sql,
                                         const std::vector<Value>& parameters) {
  const std::lock_guard hold(parts_->lock);
  try {
    try {
      const ReplyWatch::Guard guard(parts_->watch.get());
      return run_query(parts_->session, sql, parameters);
    } catch (const std::exception&) {
      if (!parts_->connected_again()) throw;
    }
    const ReplyWatch::Guard guard(parts_->watch.get());
    return run_query(parts_->session, sql, parameters);
  } catch (const std::exception& error) {
    return parts_->error_of(error);
  }
}

Status Database::transaction(const std::vector<Statement>& statements) {
  const std::lock_guard hold(parts_->lock);
  for (int tries = 1;; ++tries) {
    try {
      parts_->attempt(statements);
      return {};
    } catch (const std::exception& error) {
      if (tries == limits::kDatabaseTriesMax || !may_run_again(error)) {
        return parts_->error_of(error);
      }
    }
    give_way(tries);
  }
}

void Database::hurry() {
  if (parts_->watch) parts_->watch->hurry();
}

bool Database::is_shared() const { return !parts_->url.empty(); }

int Database::schema_version() const { return parts_->version; }

// One process at a time migrates a PostgreSQL database; the server gives the lock back when that
// process dies. SQLite's own lock does: see below.
Status Database::migrate(std::span<const Migration> migrations) {
  if (parts_->url.empty()) return migrate_alone(migrations);
  // Any number that is the same in all versions of this program: "xingcha" on a telephone.
  constexpr std::int64_t kLock = 9'464'242;
  // A step may rewrite a large table, and who waits for it waits as long.
  const auto bound_waits = [this](std::int64_t lock_ms, std::int64_t statement_ms) -> Status {
    parts_->watch->patient(statement_ms == 0);
    XC_CHECK(execute(fmt::format("SET lock_timeout = {}", lock_ms)));
    return execute(fmt::format("SET statement_timeout = {}", statement_ms));
  };
  XC_CHECK(bound_waits(0, 0));
  XC_CHECK(execute("SELECT pg_advisory_lock(:p0)", {kLock}));
  const Status done = migrate_alone(migrations);
  XC_CHECK(execute("SELECT pg_advisory_unlock(:p0)", {kLock}));
  XC_CHECK(
      bound_waits(limits::kDatabaseBusyTimeout.count(), limits::kDatabaseStatementTimeout.count()));
  return done;
}

// Another process may migrate the same file at the same time: whoever loses the race finds the
// step done and goes on.
Status Database::migrate_alone(std::span<const Migration> migrations) {
  const auto current = [this]() -> Result<int> {
    XC_TRY(const std::vector<Row> rows, query("SELECT version FROM schema_version"));
    std::int64_t highest = 0;
    for (const Row& row : rows) highest = std::max(highest, std::get<std::int64_t>(row.at(0)));
    return static_cast<int>(highest);
  };
  XC_CHECK(execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)"));
  XC_TRY(int version, current());
  const int known = migrations.empty() ? 0 : migrations.back().version;
  if (version > known) {
    return fail(Code::Internal, Message::DatabaseTooNew,
                {parts_->shown, fmt::format("{}", version), fmt::format("{}", known)});
  }
  for (const Migration& step : migrations) {
    if (step.version <= version) continue;
    std::vector<Statement> statements;
    for (const std::string_view sql : step.statements) statements.push_back({std::string(sql), {}});
    statements.push_back(
        {"INSERT INTO schema_version (version) VALUES (:p0)", {std::int64_t{step.version}}});
    const Status done = transaction(statements);
    XC_TRY(version, current());
    if (version >= step.version) continue;
    if (!done) return done;
  }
  parts_->version = version;
  return {};
}

}  // namespace xc::store
