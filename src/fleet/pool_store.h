// Pools, endpoints, routes of models and clearances of tenants in the database. Blocking: for the
// blocking pool. Thread-safe. Endpoints' keys are sealed in it, each for one endpoint at one
// address, so that neither a copy of the database nor a change in it gives a key away; no reader
// but the client gets them.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/pool_table.h"
#include "secrets/master_key.h"
#include "secrets/sealed_column.h"
#include "store/database.h"

namespace xc::fleet {

// The keys of endpoints in the database.
secrets::SealedColumn endpoint_key_column();

class PoolStore {
 public:
  // `database` outlives it.
  PoolStore(store::Database& database, const secrets::MasterKey& master);

  // A key that cannot be opened is logged with the endpoint's name and stays EndpointRow::unread.
  // Error: DatabaseError, here and below.
  Result<PoolTable> load() const;
  // Changes with every write, also another process's.
  Result<std::int64_t> version() const;

  // Each makes or replaces one row. Error: BadSetting (pool_table.h), NoPool when an endpoint's or
  // a route's pool is not there (local always is), TooMany.
  Status put(const PoolRow& row);
  Status put(EndpointRow row);
  // All targets of a model at once; none: the model has no route any more.
  Status put_routes(const std::string& model, const std::vector<ModelRoute>& targets);
  // Public and no region: the tenant has no requirement any more.
  Status put(const Clearance& row);
  // Error: NoPool, NoEndpoint; PoolUsed while endpoints or routes name it.
  Status remove_pool(const std::string& name);
  Status remove_endpoint(const std::string& name);

 private:
  Status write(std::vector<store::Database::Statement> statements);
  Status need_pool(const PoolTable& table, const std::string& name) const;
  EndpointRow endpoint_of(const store::Row& row) const;
  store::Database& database_;
  const secrets::Sealer keys_;
  std::mutex changing_;
};

}  // namespace xc::fleet
