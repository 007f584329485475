// The server, put together: the only place that constructs services. What runs is what the
// members of Platform say, in their order; destruction goes backwards.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/config.h"
#include "app/config_reload.h"
#include "app/credentials.h"
#include "app/model_shelf.h"
#include "app/watchtower.h"
#include "audit/log.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "catalog/model_store.h"
#include "fleet/fleet.h"
#include "fleet/pool_store.h"
#include "fleet/pools.h"
#include "gateway/books.h"
#include "gateway/gateway.h"
#include "gateway/oidc_provider.h"
#include "gateway/operations.h"
#include "identity/accounts.h"
#include "identity/keys.h"
#include "net/client.h"
#include "net/runtime.h"
#include "net/server.h"
#include "secrets/sealed_column.h"
#include "store/change_feed.h"
#include "store/database.h"
#include "store/home_lock.h"

namespace xc::app {

class Platform {
 public:
  // Takes the home, opens the database, binds the address. `source`: where `config` came from, to
  // read it again. Error: InsecureBind, HomeLocked, DatabaseError, MasterKeyBad, PortInUse,
  // FileError, BadSetting.
  static Result<std::unique_ptr<Platform>> open(const Config& config, ConfigSource source,
                                                const Surroundings& here);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // By which commands on this machine reach it; with the real port.
  std::string url() const;
  // Set when this start made the first key; it is in credentials.toml too.
  const std::optional<std::string>& first_key() const { return first_key_; }

  // Serves on this thread until SIGTERM or SIGINT, drains and returns. SIGHUP reads the
  // configuration, the certificates and the keys again. A second SIGTERM or SIGINT ends the process
  // at once.
  void run();

 private:
  Platform(const Config& config, ConfigSource source, const Surroundings& here,
           store::HomeLock lock, std::unique_ptr<store::Database> database);
  Status start();
  Status write_first_credentials();
  Status open_login();
  void on_signal(int signo);
  Task<void> reload();
  // wiring_reload.cc. The first three are blocking.
  Result<std::string> reload_config();
  Result<std::string> read_config_again();
  Status use_certificates(const Config& config);
  Status reload_keys();
  std::shared_ptr<const Config> running() const;
  std::string show_config() const;
  Task<void> follow_certificates();
  void open_operations();  // what the admin API sees
  Task<void> keep_watch();
  Status open_books();
  Task<void> roll_up_usage();
  Status open_secrets();
  Status open_pools();
  Task<void> probe_pools();
  // wiring_changes.cc. Those that refresh are blocking.
  void open_feed();
  Task<void> follow_changes();
  Task<void> flush_uses();
  Status refresh();
  Status refresh_pools();
  gateway::ModelRows model_rows();
  Task<void> preload(std::string model);
  Task<void> shut_down();

  const Config config_;  // as it was at the start
  const ConfigSource source_;
  const Surroundings here_;
  std::mutex reloading_;  // one reload at a time
  mutable std::mutex running_mutex_;
  std::shared_ptr<const Config> running_;  // with what changed since; under running_mutex_
  std::vector<ConfigChange> waiting_;      // for a restart; under running_mutex_
  SystemClock clock_;
  SystemRandom random_;
  store::HomeLock lock_;
  std::unique_ptr<store::Database> database_;
  std::optional<secrets::MasterKey> master_;
  std::unique_ptr<fleet::PoolStore> pool_store_;
  fleet::Pools pools_;
  std::mutex listed_mutex_;
  gateway::ModelRows listed_, listed_from_;  // with the models of pools; under listed_mutex_
  std::shared_ptr<const fleet::PoolTable> listed_table_;  // that those are of
  std::int64_t pools_version_ = -1;  // of the table in force; follow_changes alone, once it runs
  std::unique_ptr<identity::Accounts> accounts_;
  std::unique_ptr<identity::KeyStore> keys_;
  std::unique_ptr<audit::Log> audit_;  // outlives the loops: a request that ends late is recorded
  std::unique_ptr<gateway::Books> books_;
  catalog::ModelStore models_;
  ModelShelf shelf_;
  net::Runtime runtime_;
  net::BlockingPool blocking_;
  // One thread for what waits on the database and for nothing else: when that is cut off, the
  // others go on.
  net::BlockingPool database_lane_{1};
  net::Notifier changed_;                    // something in the database did
  std::unique_ptr<store::ChangeFeed> feed_;  // null: nobody else would tell
  net::Client client_;
  std::unique_ptr<Watchtower> tower_;
  std::unique_ptr<fleet::Fleet> fleet_;
  gateway::Operations operations_;
  std::unique_ptr<gateway::OidcProvider> oidc_;  // null: no single sign-on
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<net::Server> server_;
  net::TaskGroup tasks_;
  std::optional<std::string> first_key_;
  bool stopping_ = false;  // thread 0
};

// The level that `log.level` names.
log::Level level_of(std::string_view name);
net::TlsFiles tls_files_of(const Config& config);
net::ClientTls client_tls_of(const Config& config);

// The keys alone, for commands that change them while a server may or may not run.
struct KeyRing {
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<store::Database> database;
  std::optional<secrets::MasterKey> master;
  std::unique_ptr<identity::Accounts> accounts;
  std::unique_ptr<identity::KeyStore> keys;
};
// The database and the master key file that a configuration means.
std::string database_of(const Config& config, const Home& home);
std::string master_key_of(const Config& config, const Home& home);
// All that lies in the database sealed under the master key.
std::vector<secrets::SealedColumn> sealed_columns();
// Error: FileError, DatabaseError, MasterKeyBad, MasterKeyBusy.
Result<std::unique_ptr<KeyRing>> open_key_ring(const Config& config, const Home& home);

}  // namespace xc::app
