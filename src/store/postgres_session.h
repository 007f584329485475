// Opens a PostgreSQL session with the settings this program relies on, and says what its errors
// mean. Throws what the driver throws; Database turns it into an Error.
#pragma once

#include <soci/soci.h>

#include <string>
#include <string_view>

#include "store/reply_watch.h"

namespace xc::store {

// "postgresql://…" or "postgres://…", as libpq reads it.
bool is_postgres(std::string_view url);
// Its scheme and host, fit for logs: no user, no password, no parameters.
std::string shown_postgres(std::string_view url);

// With what this program relies on, where the operator did not say otherwise: it waits at most
// limits::kDatabaseConnectTimeout for a connection, and notices a server that is gone.
std::string with_parameters(const std::string& url);

// Waits at most limits::kDatabaseConnectTimeout for a connection, and for a lock or an answer no
// longer than limits::kDatabaseBusyTimeout and kDatabaseStatementTimeout, as the server keeps time;
// `watch` knows the connection from then on, for a server that does not.
void open_postgres(soci::session& session, const std::string& url, ReplyWatch& watch);

// Two transactions stood in each other's way and the server undid this one: it may run again.
bool may_run_again(const std::exception& error);
// The first line of an error. What follows quotes values; nor is the URL's password ever in it.
std::string plain_message(std::string message, std::string_view url);

}  // namespace xc::store
