#include "gateway/admin_pools.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/pool_json.h"

namespace xc::gateway {
namespace {

template <typename Row>
Row row_named(const std::vector<Row>& rows, const std::string& name, Row otherwise) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == rows.end() ? std::move(otherwise) : *found;
}

// Changes what is there and says what was set, for the record.
using Apply = std::function<Result<std::string>(fleet::PoolStore&, const fleet::PoolTable&)>;

// The change, then the table it leads to, in force and as the reply. Changes wait for each other,
// so none is lost.
Task<Status> change(Call& call, std::string_view event, Apply apply) {
  const Services& services = call.services;
  Result<Work> work = [&services, desk = desk_of(call), name = call.parameter, event,
                       apply = std::move(apply)]() -> Result<std::string> {
    static std::mutex changing;
    const std::lock_guard hold(changing);
    XC_TRY(const fleet::PoolTable before, services.pool_store.load());
    XC_TRY(const std::string said, apply(services.pool_store, before));
    XC_TRY(const fleet::PoolTable now, services.pool_store.load());
    services.pools.use(now);
    note(desk, event, desk.caller.tenant, said.empty() ? name : name + ": " + said);
    return json_of(services.pools);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

std::string body_of(const Call& call) {
  return call.request().body.empty() ? "{}" : call.request().body;
}

}  // namespace

Task<Status> list_pools(Call& call) {
  Result<Work> work = [&pools = call.services.pools]() -> Result<std::string> {
    return json_of(pools);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_pool(Call& call) {
  Apply apply = [name = call.parameter, body = body_of(call)](
                    fleet::PoolStore& store, const fleet::PoolTable& table) -> Result<std::string> {
    fleet::PoolRow fresh{name, {}, {}, fleet::Secrecy::Public, fleet::Policy::Affinity};
    if (name == fleet::kLocalPool) fresh.secrecy = fleet::Secrecy::Secret;
    fleet::PoolRow row = row_named(table.pools, name, std::move(fresh));
    XC_CHECK(read_pool(body, row));
    XC_CHECK(store.put(row));
    return text_of(row);
  };
  Status done = co_await change(call, "pool_set", std::move(apply));
  co_return done;
}

namespace {

using Remove = Status (fleet::PoolStore::*)(const std::string&);

Task<Status> remove_named(Call& call, std::string_view event, Remove remove) {
  Apply apply = [name = call.parameter, remove](fleet::PoolStore& store,
                                                const fleet::PoolTable&) -> Result<std::string> {
    XC_CHECK((store.*remove)(name));
    return std::string();
  };
  Status done = co_await change(call, event, std::move(apply));
  co_return done;
}

}  // namespace

Task<Status> remove_pool(Call& call) {
  return remove_named(call, "pool_removed", &fleet::PoolStore::remove_pool);
}

Task<Status> set_endpoint(Call& call) {
  Apply apply = [name = call.parameter, body = body_of(call)](
                    fleet::PoolStore& store, const fleet::PoolTable& table) -> Result<std::string> {
    fleet::EndpointRow fresh;
    fresh.name = name;
    fleet::EndpointRow row = row_named(table.endpoints, name, std::move(fresh));
    XC_CHECK(read_endpoint(body, row));
    XC_CHECK(store.put(row));
    return text_of(row);
  };
  Status done = co_await change(call, "endpoint_set", std::move(apply));
  co_return done;
}

Task<Status> remove_endpoint(Call& call) {
  return remove_named(call, "endpoint_removed", &fleet::PoolStore::remove_endpoint);
}

Task<Status> set_model_route(Call& call) {
  Apply apply = [model = call.parameter, body = body_of(call)](
                    fleet::PoolStore& store, const fleet::PoolTable&) -> Result<std::string> {
    XC_TRY(const std::vector<fleet::ModelRoute> routes, routes_of(body, model));
    XC_CHECK(store.put_routes(model, routes));
    return text_of(routes);
  };
  Status done = co_await change(call, "route_set", std::move(apply));
  co_return done;
}

Task<Status> set_clearance(Call& call) {
  // A requirement of a tenant that is not there would protect nobody, and nobody would notice.
  Apply apply = [name = call.parameter, body = body_of(call),
                 &tenants = call.services.accounts.tenants](
                    fleet::PoolStore& store, const fleet::PoolTable& table) -> Result<std::string> {
    XC_TRY(const identity::TenantRecord tenant, tenants.find(name));
    const auto found = std::ranges::find(table.clearances, name, &fleet::Clearance::tenant);
    fleet::Clearance row{name, fleet::Secrecy::Public, {}};
    if (found != table.clearances.end()) row = *found;
    XC_CHECK(read_clearance(body, row));
    XC_CHECK(store.put(row));
    return text_of(row);
  };
  Status done = co_await change(call, "clearance_set", std::move(apply));
  co_return done;
}

}  // namespace xc::gateway
