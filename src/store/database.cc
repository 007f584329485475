#include "store/database.h"

#include <fmt/core.h>
#include <soci/soci.h>

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "store/sqlite_session.h"

namespace xc::store {
namespace {

std::unexpected<Error> database_error(const std::exception& error) {
  // what() of the driver's error quotes the statement with its values; those may be secrets.
  const auto* from_driver = dynamic_cast<const soci::soci_error*>(&error);
  return fail(Code::Internal, Message::DatabaseError,
              {from_driver ? from_driver->get_error_message() : std::string(error.what())});
}

// Binds by address, so it lives in one place until the statement has run.
struct Bound {
  std::string name;
  soci::indicator null = soci::i_ok;
  long long integer = 0;
  double real = 0;
  std::string text;
};

// A placeholder without a value would silently be NULL in SQLite.
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

}  // namespace

struct Database::Parts {
  mutable std::mutex lock;  // held for one statement or transaction
  soci::session session;
  std::string path;
  int version = 0;
};

Database::Database(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& url) {
  return open(url, all_migrations());
}

Result<std::unique_ptr<Database>> Database::open(const std::string& url,
                                                 std::span<const Migration> migrations) {
  constexpr std::string_view kSqlite = "sqlite://";
  std::string path = url.starts_with(kSqlite) ? url.substr(kSqlite.size()) : url;
  if (const std::size_t scheme = path.find("://"); scheme != std::string::npos) {
    // Only the scheme: the rest of the URL may hold a password.
    return fail(Code::Internal, Message::DatabaseUnsupported, {path.substr(0, scheme + 3) + "…"});
  }
  try {
    auto parts = std::make_unique<Parts>();
    XC_CHECK(open_sqlite(parts->session, path));
    parts->path = std::move(path);
    std::unique_ptr<Database> database(new Database(std::move(parts)));
    XC_CHECK(database->migrate(migrations));
    return database;
  } catch (const std::exception& error) {
    return database_error(error);
  }
}

Status Database::execute(std::string_view sql, const std::vector<Value>& parameters) {
  const std::lock_guard hold(parts_->lock);
  try {
    run(parts_->session, sql, parameters);
    return {};
  } catch (const std::exception& error) {
    return database_error(error);
  }
}

Result<std::vector<Row>> Database::query(std::string_view sql,
                                         const std::vector<Value>& parameters) {
  const std::lock_guard hold(parts_->lock);
  try {
    return run_query(parts_->session, sql, parameters);
  } catch (const std::exception& error) {
    return database_error(error);
  }
}

Status Database::transaction(const std::vector<Statement>& statements) {
  const std::lock_guard hold(parts_->lock);
  try {
    // IMMEDIATE takes the write lock now, where the busy time-out works; a lock upgraded in the
    // middle fails at once instead.
    parts_->session << "BEGIN IMMEDIATE";
  } catch (const std::exception& error) {
    return database_error(error);
  }
  try {
    for (const Statement& statement : statements) {
      run(parts_->session, statement.sql, statement.parameters);
    }
    parts_->session << "COMMIT";
    return {};
  } catch (const std::exception& error) {
    const auto failure = database_error(error);
    try {
      parts_->session << "ROLLBACK";
    } catch (const std::exception& second) {
      // SQLite rolls back by itself on some errors (disk full); then there is nothing to undo.
      log::warn("store", "rollback: {}", second.what());
    }
    return failure;
  }
}

int Database::schema_version() const { return parts_->version; }

// Another process may migrate the same file at the same time: whoever loses the race finds the
// step done and goes on.
Status Database::migrate(std::span<const Migration> migrations) {
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
                {parts_->path, fmt::format("{}", version), fmt::format("{}", known)});
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
