#include "store/sqlite_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/limits.h"

namespace xc::store {
namespace {

// The log and shared-memory files take the mode of the main file, so it is made here with 0600.
Status make_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(Code::Internal, Message::DatabaseError,
                {fmt::format("{}: {}", path, std::strerror(errno))});
  }
  ::close(fd);
  return {};
}

}  // namespace

Status open_sqlite(soci::session& session, const std::string& path) {
  // The driver's connection string has no way to write a quote inside a quoted value.
  if (path.empty() || path.find('"') != std::string::npos) {
    return fail(Code::Internal, Message::DatabaseError, {fmt::format("bad path '{}'", path)});
  }
  XC_CHECK(make_private(path));
  session.open(soci::sqlite3, fmt::format("db=\"{}\"", path));
  // The time-out comes first: switching to the write-ahead log needs a lock itself.
  session << fmt::format("PRAGMA busy_timeout = {}", limits::kDatabaseBusyTimeout.count());
  session << "PRAGMA journal_mode = WAL";
  session << "PRAGMA synchronous = FULL";
  session << "PRAGMA foreign_keys = ON";
  return {};
}

}  // namespace xc::store
