#include "store/postgres_session.h"

#include <fmt/core.h>
#include <soci/postgresql/soci-postgresql.h>

#include "base/limits.h"

namespace xc::store {
namespace {

constexpr std::string_view kSchemes[] = {"postgresql://", "postgres://"};

std::string_view behind_scheme(std::string_view url) { return url.substr(url.find("://") + 3); }

// Between "//" and the last '@' before the path; empty when there is none.
std::string_view user_of(std::string_view url) {
  const std::string_view rest = behind_scheme(url);
  const std::size_t at = rest.substr(0, rest.find_first_of("/?")).rfind('@');
  return at == std::string_view::npos ? std::string_view() : rest.substr(0, at);
}

// What the operator wrote in the URL stands.
void add_parameter(std::string& url, std::string_view name, std::string_view value) {
  const std::size_t query = url.find('?');
  if (query != std::string::npos &&
      url.find(fmt::format("{}=", name), query) != std::string::npos) {
    return;
  }
  url += fmt::format("{}{}={}", query == std::string::npos ? '?' : '&', name, value);
}

}  // namespace

bool is_postgres(std::string_view url) {
  return url.starts_with(kSchemes[0]) || url.starts_with(kSchemes[1]);
}

std::string shown_postgres(std::string_view url) {
  std::string_view rest = behind_scheme(url);
  if (const std::string_view user = user_of(url); !user.empty())
    rest.remove_prefix(user.size() + 1);
  return fmt::format("postgresql://{}", rest.substr(0, rest.find('?')));
}

std::string with_parameters(const std::string& url) {
  std::string whole = url;
  add_parameter(whole, "connect_timeout",
                fmt::format("{}", limits::kDatabaseConnectTimeout.count()));
  // A server that is gone without a word is noticed, not waited for.
  add_parameter(whole, "tcp_user_timeout", fmt::format("{}", limits::kDatabaseBusyTimeout.count()));
  add_parameter(whole, "keepalives_idle", fmt::format("{}", limits::kDatabaseKeepalive.count()));
  add_parameter(whole, "keepalives_interval", "5");
  add_parameter(whole, "keepalives_count", "3");
  add_parameter(whole, "client_encoding", "UTF8");
  add_parameter(whole, "application_name", "xingcha");
  return whole;
}

void open_postgres(soci::session& session, const std::string& url, ReplyWatch& watch) {
  session.open(soci::postgresql, with_parameters(url));
  auto* backend = static_cast<soci::postgresql_session_backend*>(session.get_backend());
  watch.use(PQsocket(backend->conn_));
  const ReplyWatch::Guard guard(&watch);
  session << "SET client_min_messages = warning";
  session << "SET standard_conforming_strings = on";
  session << "SET default_transaction_isolation = 'read committed'";
  session << fmt::format("SET lock_timeout = {}", limits::kDatabaseBusyTimeout.count());
  session << fmt::format("SET statement_timeout = {}", limits::kDatabaseStatementTimeout.count());
}

bool may_run_again(const std::exception& error) {
  const auto* from_server = dynamic_cast<const soci::postgresql_soci_error*>(&error);
  if (from_server == nullptr) return false;
  const std::string state = from_server->sqlstate();
  return state == "40001" || state == "40P01";  // serialization_failure, deadlock_detected
}

std::string plain_message(std::string message, std::string_view url) {
  message = message.substr(0, message.find('\n'));
  const std::string_view user = user_of(url);
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos) return message;
  const std::string password(user.substr(colon + 1));
  for (std::size_t at = 0; !password.empty();) {
    at = message.find(password, at);
    if (at == std::string::npos) break;
    message.replace(at, password.size(), "…");
  }
  return message;
}

}  // namespace xc::store
