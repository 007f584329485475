// The governed door: routes, API shapes and the stages of every request.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "fleet/fleet.h"
#include "fleet/pool_store.h"
#include "fleet/pools.h"
#include "identity/accounts.h"
#include "identity/keys.h"
#include "net/client.h"
#include "net/http.h"
#include "net/server.h"

namespace xc::gateway {

class Books;
class OidcProvider;
struct Operations;

// One row of GET /v1/models; app/wiring.cc fills it from catalogue and model store.
struct ModelRow {
  std::string name;
  std::vector<std::string> aliases;
  std::int64_t created_unix = 0;
  std::uint64_t bytes = 0;
  int context = 0;
  std::string family, quantization, licence;
  std::vector<std::string> capabilities;
  std::string parent = {};          // of "model:adapter": the model; else empty
  std::string sha256 = {};          // of the weights
  std::string parameter_size = {};  // "1.5B"; empty: not known
  // 32 hex digits, or empty.
  std::string_view service_id() const { return std::string_view(sha256).substr(0, 32); }
};
// The list as it is now, never null: who changes it makes another one.
using ModelRows = std::shared_ptr<const std::vector<ModelRow>>;
// Installed models; every request asks, so nothing is copied (cached by the wiring). Thread-safe.
using ModelLister = std::function<ModelRows()>;

struct Services {
  net::Runtime& runtime;
  net::BlockingPool& blocking;
  net::Client& client;
  fleet::Fleet& fleet;
  identity::KeyStore& keys;
  identity::Accounts& accounts;
  Clock& clock;
  RandomSource& random;
  ModelLister models;
  std::string version;
  Books& books;
  fleet::Pools& pools;
  fleet::PoolStore& pool_store;
  const Operations* operations = nullptr;      // outlives the gateway
  net::BlockingPool* database_lane = nullptr;  // for what waits on the database; null: blocking
  OidcProvider* oidc = nullptr;                // outlives the gateway; null: no single sign-on
  bool https = false;                          // the console is reached over HTTPS
};

class Gateway {
 public:
  explicit Gateway(Services services);
  ~Gateway();
  // For net::Server.
  net::Handler handler();
  net::ErrorRenderer error_renderer();
  // Its connections appear in /metrics. Call before requests come; the server outlives them.
  void watch(const net::Server& server);
  // /readyz answers 503 from now on.
  void begin_shutdown();

  struct Parts;

 private:
  std::shared_ptr<Parts> parts_;
};

}  // namespace xc::gateway
