#include "fleet/pool_store.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace xc::fleet {
namespace {

using store::Row;
using store::Value;

constexpr secrets::Kind kEndpointKeys{"endpoint keys", "endpoint key"};
constexpr std::string_view kNoteChange =
    "UPDATE pool_state SET value = value + 1 WHERE name = 'changes'";

std::string text_in(const Row& row, std::size_t at) {
  const auto* found = std::get_if<std::string>(&row.at(at));
  return found ? *found : std::string();
}

std::int64_t integer_in(const Row& row, std::size_t at) {
  const auto* found = std::get_if<std::int64_t>(&row.at(at));
  return found ? *found : 0;
}

// What a newer program wrote and this one does not know is read as what allows least.
PoolRow pool_of(const Row& row) {
  return {text_in(row, 0), text_in(row, 1), text_in(row, 2),
          secrecy_of(text_in(row, 3)).value_or(Secrecy::Public),
          policy_of(text_in(row, 4)).value_or(Policy::Least)};
}

EndpointRow sealed_endpoint_of(const Row& row) {
  EndpointRow endpoint;
  endpoint.name = text_in(row, 0);
  endpoint.pool = text_in(row, 1);
  endpoint.url = text_in(row, 2);
  endpoint.vendor = schema::vendor_of(text_in(row, 3)).value_or(schema::Vendor::OpenAi);
  endpoint.unread = text_in(row, 4);
  endpoint.state = endpoint_state_of(text_in(row, 5)).value_or(EndpointState::Paused);
  endpoint.rank = integer_in(row, 6);
  endpoint.price = integer_in(row, 7);
  endpoint.start_timeout_ms = static_cast<int>(integer_in(row, 8));
  endpoint.stall_timeout_ms = static_cast<int>(integer_in(row, 9));
  endpoint.link_local = integer_in(row, 10) != 0;
  endpoint.continues = integer_in(row, 11) != 0;
  return endpoint;
}

template <typename Rows>
Status check_room(std::string_view what, const Rows& rows, std::size_t most) {
  if (rows.size() < most) return {};
  return fail_field(std::string(what), Message::TooMany,
                    {std::string(what), std::to_string(rows.size() + 1), std::to_string(most)});
}

template <typename Rows, typename Member>
bool has(const Rows& rows, Member member, const std::string& name) {
  return std::ranges::find(rows, name, member) != rows.end();
}

std::unexpected<Error> no_pool(const std::string& name) {
  return fail(Code::NotFound, Message::NoPool, {name});
}

}  // namespace

secrets::SealedColumn endpoint_key_column() {
  return {kEndpointKeys,
          "SELECT name, secret, name, url FROM endpoints ORDER BY name",
          1,
          "UPDATE endpoints SET secret = :p0 WHERE secret = :p1 AND name = :p2 AND url = :p3",
          std::string(kNoteChange),
          ""};
}

PoolStore::PoolStore(store::Database& database, const secrets::MasterKey& master)
    : database_(database), keys_(master.sealer(kEndpointKeys)) {}

EndpointRow PoolStore::endpoint_of(const Row& row) const {
  EndpointRow endpoint = sealed_endpoint_of(row);
  std::optional<std::string> key = keys_.unseal({endpoint.name, endpoint.url}, endpoint.unread);
  if (!key) {
    const Error error{Code::Internal, Message::EndpointKeySealed, {endpoint.name, keys_.path()}};
    log::error("fleet", "{}", text_of(error, Language::En));
    return endpoint;
  }
  endpoint.key = std::move(*key);
  endpoint.unread.clear();
  return endpoint;
}

Result<PoolTable> PoolStore::load() const {
  PoolTable table;
  XC_TRY(
      const std::vector<Row> pools,
      database_.query("SELECT name, region, hardware, secrecy, policy FROM pools ORDER BY name"));
  std::ranges::transform(pools, std::back_inserter(table.pools), pool_of);
  XC_TRY(const std::vector<Row> endpoints,
         database_.query("SELECT name, pool, url, vendor, secret, state, rank, price, "
                         "start_timeout_ms, stall_timeout_ms, link_local, continues FROM endpoints "
                         "ORDER BY pool, rank, name"));
  for (const Row& row : endpoints) {
    table.endpoints.push_back(endpoint_of(row));
  }
  XC_TRY(const std::vector<Row> routes,
         database_.query("SELECT model, pool, target, weight, hedge_ms FROM model_routes "
                         "ORDER BY model, position"));
  for (const Row& row : routes) {
    table.routes.push_back({text_in(row, 0), text_in(row, 1), text_in(row, 2),
                            static_cast<int>(integer_in(row, 3)),
                            static_cast<int>(integer_in(row, 4))});
  }
  XC_TRY(const std::vector<Row> clearances,
         database_.query("SELECT tenant, secrecy, region FROM clearances ORDER BY tenant"));
  for (const Row& row : clearances) {
    table.clearances.push_back(
        {text_in(row, 0), secrecy_of(text_in(row, 1)).value_or(Secrecy::Secret), text_in(row, 2)});
  }
  return table;
}

Result<std::int64_t> PoolStore::version() const {
  XC_TRY(const std::vector<Row> rows,
         database_.query("SELECT value FROM pool_state WHERE name = 'changes'"));
  return rows.empty() ? 0 : integer_in(rows.front(), 0);
}

Status PoolStore::write(std::vector<store::Database::Statement> statements) {
  statements.push_back({std::string(kNoteChange), {}, true});
  return database_.transaction(statements);
}

Status PoolStore::need_pool(const PoolTable& table, const std::string& name) const {
  if (name == kLocalPool || has(table.pools, &PoolRow::name, name)) return {};
  return no_pool(name);
}

Status PoolStore::put(const PoolRow& row) {
  XC_CHECK(check(row));
  const std::lock_guard hold(changing_);
  XC_TRY(const PoolTable table, load());
  if (!has(table.pools, &PoolRow::name, row.name)) {
    XC_CHECK(check_room("pools", table.pools, limits::kPoolsMax));
  }
  return write(
      {{"INSERT INTO pools (name, region, hardware, secrecy, policy) "
        "VALUES (:p0, :p1, :p2, :p3, :p4) ON CONFLICT (name) DO UPDATE SET "
        "region = excluded.region, hardware = excluded.hardware, "
        "secrecy = excluded.secrecy, policy = excluded.policy",
        {row.name, row.region, row.hardware, std::string(name_of(row.secrecy)),
         std::string(name_of(row.policy))}}});
}

Status PoolStore::put(EndpointRow row) {
  XC_CHECK(check(row));
  const std::lock_guard hold(changing_);
  XC_TRY(const PoolTable table, load());
  XC_CHECK(need_pool(table, row.pool));
  if (!has(table.endpoints, &EndpointRow::name, row.name)) {
    XC_CHECK(check_room("endpoints", table.endpoints, limits::kEndpointsMax));
  }
  // A key that could not be opened stays as it is: the right master key may come back.
  std::string secret = row.unread;
  if (!row.key.empty()) {
    XC_TRY(secret, keys_.seal({row.name, row.url}, row.key));
  }
  return write(
      {{"INSERT INTO endpoints (name, pool, url, vendor, secret, state, rank, price, "
        "start_timeout_ms, stall_timeout_ms, link_local, continues) "
        "VALUES (:p0, :p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8, :p9, :p10, :p11) "
        "ON CONFLICT (name) DO UPDATE SET pool = excluded.pool, url = excluded.url, "
        "vendor = excluded.vendor, secret = excluded.secret, state = excluded.state, "
        "rank = excluded.rank, price = excluded.price, "
        "start_timeout_ms = excluded.start_timeout_ms, "
        "stall_timeout_ms = excluded.stall_timeout_ms, link_local = excluded.link_local, "
        "continues = excluded.continues",
        {row.name, row.pool, row.url, std::string(name_of(row.vendor)), secret,
         std::string(name_of(row.state)), row.rank, row.price, std::int64_t{row.start_timeout_ms},
         std::int64_t{row.stall_timeout_ms}, std::int64_t{row.link_local ? 1 : 0},
         std::int64_t{row.continues ? 1 : 0}}}});
}

Status PoolStore::put_routes(const std::string& model, const std::vector<ModelRoute>& targets) {
  const std::lock_guard hold(changing_);
  XC_TRY(const PoolTable table, load());
  XC_CHECK(check_room("targets", targets, limits::kPoolsMax));
  if (table.routes.size() + targets.size() > limits::kModelRoutesMax) {
    XC_CHECK(check_room("targets", table.routes, limits::kModelRoutesMax - targets.size()));
  }
  std::vector<store::Database::Statement> statements{
      {"DELETE FROM model_routes WHERE model = :p0", {model}}};
  std::int64_t position = 0;
  for (const ModelRoute& route : targets) {
    XC_CHECK(check(route));
    XC_CHECK(need_pool(table, route.pool));
    statements.push_back(
        {"INSERT INTO model_routes (model, position, pool, target, weight, hedge_ms) "
         "VALUES (:p0, :p1, :p2, :p3, :p4, :p5)",
         {model, position++, route.pool, route.target, std::int64_t{route.weight},
          std::int64_t{route.hedge_ms}}});
  }
  return write(std::move(statements));
}

Status PoolStore::put(const Clearance& row) {
  XC_CHECK(check(row));
  const std::lock_guard hold(changing_);
  const store::Database::Statement drop{"DELETE FROM clearances WHERE tenant = :p0", {row.tenant}};
  if (row.secrecy == Secrecy::Public && row.region.empty()) return write({drop});
  XC_TRY(const PoolTable table, load());
  if (!has(table.clearances, &Clearance::tenant, row.tenant)) {
    XC_CHECK(check_room("clearances", table.clearances, limits::kClearancesMax));
  }
  return write({drop,
                {"INSERT INTO clearances (tenant, secrecy, region) VALUES (:p0, :p1, :p2)",
                 {row.tenant, std::string(name_of(row.secrecy)), row.region}}});
}

Status PoolStore::remove_pool(const std::string& name) {
  const std::lock_guard hold(changing_);
  XC_TRY(const PoolTable table, load());
  if (!has(table.pools, &PoolRow::name, name)) return no_pool(name);
  const bool used = has(table.endpoints, &EndpointRow::pool, name) ||
                    (name != kLocalPool && has(table.routes, &ModelRoute::pool, name));
  if (used) return fail(Code::Conflict, Message::PoolUsed, {name});
  return write({{"DELETE FROM pools WHERE name = :p0", {name}}});
}

Status PoolStore::remove_endpoint(const std::string& name) {
  const std::lock_guard hold(changing_);
  XC_TRY(const PoolTable table, load());
  if (!has(table.endpoints, &EndpointRow::name, name)) {
    return fail(Code::NotFound, Message::NoEndpoint, {name});
  }
  return write({{"DELETE FROM endpoints WHERE name = :p0", {name}}});
}

}  // namespace xc::fleet
