#include "app/wiring.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include "app/oidc_settings.h"
#include "base/limits.h"
#include "base/log.h"
#include "catalog/fit.h"
#include "net/address.h"

namespace xc::app {
namespace {

constexpr int kBlockingThreads = 4;  // database, manifests, evictions: short waits, seldom many

int threads_of(const Config& config) {
  if (config.io_threads > 0) return config.io_threads;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Two descriptors a stream; the soft limit of 1,024 would end long before kConnectionsMax.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Status check_bind(const Config& config) {
  XC_TRY(const net::Address address, net::Address::parse(config.listen));
  const bool plain = config.tls_certificate.empty();
  if (plain && !config.insecure && !address.is_loopback()) {
    return fail(Code::InvalidRequest, Message::InsecureBind, {config.listen});
  }
  return {};
}

fleet::FleetOptions fleet_options(const Config& config, const Surroundings& here) {
  fleet::FleetOptions options;
  options.program = here.program;
  options.socket_dir = here.home.sockets();
  options.log_dir = here.home.logs();
  options.restarts_max = limits::kRestartsMax;
  options.restart_window = limits::kRestartWindow;
  options.backoff_first = limits::kRestartBackoffFirst;
  options.memory_reserve_bytes = static_cast<std::uint64_t>(config.memory_reserve_mib) << 20;
  return options;
}

net::ServerOptions server_options(const Config& config) {
  net::ServerOptions options;
  options.address = config.listen;
  options.tls = tls_files_of(config);
  for (const std::string& range : config.proxies) {
    if (auto parsed = AddressRange::parse(range)) options.proxies.push_back(*parsed);
  }
  return options;
}

}  // namespace

std::string database_of(const Config& config, const Home& home) {
  if (config.database.empty()) return home.database();
  if (config.database.find("://") != std::string::npos) return config.database;
  return (std::filesystem::path(home.data()) / config.database).string();
}

namespace {

// A command makes no master key beside secrets of the one that is missing: it would look as if all
// was well, and what is sealed next would be lost with it.
Status check_no_lost_key(store::Database& database, const std::string& path, RandomSource& random) {
  XC_TRY(const secrets::KeyFileFacts facts, secrets::look_at_key_file(path));
  if (facts.exists) return {};
  const secrets::MasterKey other(random);
  for (const secrets::SealedColumn& column : sealed_columns()) {
    XC_TRY(const std::vector<std::string> unread, secrets::unread_of(database, other, column));
    if (unread.empty()) continue;
    return fail(Code::Internal, Message::MasterKeyBad,
                {path, "it is missing, and the database has secrets of it: put a copy back"});
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<KeyRing>> open_key_ring(const Config& config, const Home& home) {
  XC_CHECK(make_folders(home));
  auto ring = std::make_unique<KeyRing>();
  XC_TRY(ring->database, store::Database::open(database_of(config, home)));
  XC_CHECK(check_no_lost_key(*ring->database, master_key_of(config, home), ring->random));
  XC_TRY(ring->master, secrets::MasterKey::open(master_key_of(config, home), ring->random));
  XC_TRY(ring->accounts,
         identity::Accounts::open(*ring->database, ring->clock, ring->random, *ring->master));
  XC_TRY(ring->keys, identity::KeyStore::open(*ring->database, ring->clock, ring->random));
  return ring;
}

log::Level level_of(std::string_view name) {
  if (name == "debug") return log::Level::Debug;
  if (name == "warn") return log::Level::Warn;
  if (name == "error") return log::Level::Error;
  return name == "off" ? log::Level::Off : log::Level::Info;
}

Platform::Platform(const Config& config, ConfigSource source, const Surroundings& here,
                   store::HomeLock lock, std::unique_ptr<store::Database> database)
    : config_(config),
      source_(std::move(source)),
      here_(here),
      running_(std::make_shared<const Config>(config)),
      lock_(std::move(lock)),
      database_(std::move(database)),
      pools_(clock_, random_),
      models_(here.home.models()),
      shelf_(models_, config_, here.home.models(), here.home.chunks()),
      runtime_(threads_of(config)),
      blocking_(kBlockingThreads),
      changed_(runtime_.executor(0)),
      client_(runtime_, limits::kClientIdlePerThread, client_tls_of(config)),
      tasks_("serve") {}

Platform::~Platform() = default;

Result<std::unique_ptr<Platform>> Platform::open(const Config& config, ConfigSource source,
                                                 const Surroundings& here) {
  XC_CHECK(check_bind(config));
  XC_CHECK(make_folders(here.home));
  XC_TRY(store::HomeLock lock, store::HomeLock::take(here.home.lock()));
  XC_TRY(auto database, store::Database::open(database_of(config, here.home)));
  raise_descriptor_limit();
  std::unique_ptr<Platform> platform(
      new Platform(config, std::move(source), here, std::move(lock), std::move(database)));
  XC_CHECK(platform->start());
  return platform;
}

Status Platform::start() {
  XC_CHECK(open_secrets());
  XC_TRY(accounts_, identity::Accounts::open(*database_, clock_, random_, *master_));
  XC_TRY(keys_, identity::KeyStore::open(*database_, clock_, random_));
  XC_TRY(tower_, Watchtower::open(config_, {clock_, random_, runtime_, blocking_, client_}));
  XC_CHECK(open_books());
  XC_CHECK(open_pools());
  fleet_ = std::make_unique<fleet::Fleet>(
      runtime_, blocking_, client_, fleet_options(config_, here_),
      [this](std::string_view name) { return shelf_.resolve(name); },
      [] { return catalog::memory_here().available_bytes; });
  open_operations();
  XC_CHECK(open_login());
  const bool https = !config_.tls_certificate.empty() || (oidc_ && oidc_->settings().https());
  gateway_ = std::make_unique<gateway::Gateway>(
      gateway::Services{runtime_, blocking_, client_, *fleet_, *keys_, *accounts_, clock_, random_,
                        [this] { return model_rows(); }, XC_VERSION, *books_, pools_, *pool_store_,
                        &operations_, &database_lane_, oidc_.get(), https});
  server_ = std::make_unique<net::Server>(runtime_, server_options(config_), gateway_->handler(),
                                          gateway_->error_renderer());
  gateway_->watch(*server_);
  XC_CHECK(server_->open());
  return write_first_credentials();
}

Status Platform::open_login() {
  XC_TRY(auto settings, load_oidc_settings(config_, here_.language));
  if (settings) {
    oidc_ = std::make_unique<gateway::OidcProvider>(client_, clock_, std::move(*settings));
  }
  return {};
}

Status Platform::open_books() {
  audit::LogOptions options;
  options.folder = here_.home.audit();
  options.program = "xingcha " XC_VERSION;
  options.profile = audit::profile_of(config_.audit_profile).value_or(options.profile);
  options.witness = tower_->witness();
  XC_TRY(audit_, audit::Log::open(std::move(options), clock_, random_));
  XC_TRY(books_, gateway::Books::open(*audit_, *database_, clock_));
  return {};
}

// After the address is bound: with port 0 only now is the URL known.
Status Platform::write_first_credentials() {
  const std::string path = here_.home.credentials();
  XC_TRY(const std::vector<identity::KeyRecord> known, keys_->list());
  if (known.empty()) {
    identity::KeySpec spec{"first"};
    spec.role = identity::Role::PlatformAdmin;
    XC_TRY(const identity::KeyStore::NewKey created, keys_->create(spec));
    first_key_ = created.secret;
    return write_credentials(path, Credentials{url(), created.secret});
  }
  Result<Credentials> kept = read_credentials(path);
  if (!kept || kept->url == url()) return {};
  kept->url = url();
  return write_credentials(path, *kept);
}

std::string Platform::url() const {
  return url_of_address(server_->address(), !config_.tls_certificate.empty());
}

void Platform::run() {
  runtime_.on_signals([this](int signo) { on_signal(signo); });
  for (const std::string& model : config_.preload) {
    tasks_.spawn(runtime_.executor(0), [this, model] { return preload(model); });
  }
  open_feed();
  tasks_.spawn(runtime_.executor(0), [this] { return follow_changes(); });
  tasks_.spawn(runtime_.executor(0), [this] { return flush_uses(); });
  tasks_.spawn(runtime_.executor(0), [this] { return roll_up_usage(); });
  tasks_.spawn(runtime_.executor(0), [this] { return probe_pools(); });
  tasks_.spawn(runtime_.executor(0), [this] { return follow_certificates(); });
  tower_->start(tasks_);
  tasks_.spawn(runtime_.executor(0), [this] { return keep_watch(); });
  runtime_.run();
  // The last settlements, and what was leased goes back at once.
  const Status closed = books_->close();
  if (!closed) log::warn("app", "usage: {}", text_of(closed.error(), Language::En));
}

// What was settled reaches the usage table within limits::kUsageInterval, and shared budgets are
// leased ahead.
Task<void> Platform::roll_up_usage() {
  while (!stopping_) {
    Task<void> pause = net::sleep_for(limits::kUsageInterval);
    co_await std::move(pause);
    auto outcome = std::make_shared<Status>();
    std::function<void()> work = [this, outcome] { *outcome = books_->keep_up(); };
    Task<void> running = database_lane_.run(work);
    co_await std::move(running);
    if (!*outcome) log::warn("app", "usage: {}", text_of(outcome->error(), Language::En));
  }
}

void Platform::on_signal(int signo) {
  if (signo == SIGHUP) {
    tasks_.spawn(runtime_.executor(0), [this] { return reload(); });
    return;
  }
  // The second one: somebody does not want to wait. Workers follow their parent's death.
  if (stopping_) ::_exit(kExitInterrupted);
  stopping_ = true;
  fmt::print(stderr, "{}\n", texts::Stopping.in(here_.language));
  tasks_.spawn(runtime_.executor(0), [this] { return shut_down(); });
}

Status Platform::reload_keys() {
  XC_CHECK(keys_->reload());
  return accounts_->sessions->reload();
}

Task<void> Platform::reload() {
  std::function<void()> work = [this] {
    const Result<std::string> settings = reload_config();
    static_cast<void>(settings);  // logged there
    const Status keys = reload_keys();
    if (keys) log::info("app", "keys read again");
    if (!keys) log::error("app", "keys: {}", text_of(keys.error(), Language::En));
  };
  Task<void> running = blocking_.run(work);
  co_await std::move(running);
}

Task<void> Platform::preload(std::string model) {
  Task<Result<fleet::Lease>> loading =
      fleet_->acquire(model, Deadline::after(limits::kWorkerStartTimeout));
  const Result<fleet::Lease> lease = co_await std::move(loading);
  if (!lease) {
    log::error("app", "preload of {}: {}", model, text_of(lease.error(), Language::En));
  }
}

Task<void> Platform::shut_down() {
  log::info("app", "shutting down");
  gateway_->begin_shutdown();
  const Deadline deadline = Deadline::after(limits::kDrainTimeout);
  Task<void> closing = server_->close(deadline);
  co_await std::move(closing);
  Task<void> stopping = fleet_->close(deadline);
  co_await std::move(stopping);
  database_->hurry();  // one that hangs holds up no end
  runtime_.stop();
}

}  // namespace xc::app
