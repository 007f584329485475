// Settings and certificates that change while the server runs. Connections and streams go on.
#include <sys/stat.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/config_reload.h"
#include "app/wiring.h"
#include "base/limits.h"
#include "base/log.h"

namespace xc::app {

namespace json = boost::json;

namespace {

std::string stamp_of(const std::string& path) {
  struct stat facts{};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return "-";
  return fmt::format("{}:{}:{}.{}", facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

// Changes whenever one of the files does.
std::string stamp_of(const Config& config) {
  std::string stamp;
  for (const std::string& path :
       {config.tls_certificate, config.tls_key, config.tls_client_ca, config.endpoint_ca,
        config.endpoint_certificate, config.endpoint_key}) {
    stamp += stamp_of(path) + " ";
  }
  return stamp;
}

void tell(const std::vector<ConfigChange>& changes) {
  for (const ConfigChange& change : changes) {
    if (change.live) log::info("app", "{} changed and is in force", change.setting);
    if (!change.live) log::warn("app", "{} changed and waits for a restart", change.setting);
  }
  if (changes.empty()) log::info("app", "configuration read again; no setting changed");
}

json::object rendered(const std::vector<ConfigChange>& changes) {
  json::array applied, waiting;
  for (const ConfigChange& change : changes) {
    (change.live ? applied : waiting).emplace_back(change.setting);
  }
  return {{"applied", std::move(applied)}, {"needs_restart", std::move(waiting)}};
}

}  // namespace

net::TlsFiles tls_files_of(const Config& config) {
  return {config.tls_certificate, config.tls_key, config.tls_client_ca,
          config.tls_min_version == "1.2"};
}

net::ClientTls client_tls_of(const Config& config) {
  return {config.endpoint_ca, config.endpoint_certificate, config.endpoint_key};
}

// Both or none would be better, but a bad file of one must not keep the other from being renewed.
Status Platform::use_certificates(const Config& config) {
  Status listener, endpoints;
  if (!config_.tls_certificate.empty()) listener = server_->reload_tls(tls_files_of(config));
  endpoints = client_.reload_tls(client_tls_of(config));
  for (const auto& [path, used] : {std::pair(config.tls_certificate, listener),
                                   std::pair(config.endpoint_certificate, endpoints)}) {
    ops::AlarmBoard& alarms = tower_->alarms();
    const std::string& subject = path.empty() ? config.endpoint_ca : path;
    if (used) alarms.clear(ops::AlarmKind::CertificateInvalid, subject);
    if (!used) {
      alarms.raise(ops::AlarmKind::CertificateInvalid, subject,
                   text_of(used.error(), Language::En));
    }
  }
  return listener ? endpoints : listener;
}

void Platform::open_operations() {
  operations_.show_config = [this] { return show_config(); };
  operations_.reload_config = [this] { return reload_config(); };
  operations_.deliveries = [this] { return tower_->deliveries(); };
  operations_.alarms = &tower_->alarms();
  operations_.traces = tower_->traces();
  const std::string database = config_.database.empty() ? here_.home.database() : config_.database;
  tower_->watch({*fleet_,
                 pools_,
                 *books_,
                 *accounts_,
                 without_userinfo(database),
                 {here_.home.data(), here_.home.models()}});
}

Task<void> Platform::keep_watch() {
  while (!stopping_) {
    std::function<void()> work = [this] { tower_->look(*running()); };
    Task<void> looking = blocking_.run(work);
    co_await std::move(looking);
    Task<void> pause = net::sleep_for(limits::kWatchInterval);
    co_await std::move(pause);
  }
}

Result<std::string> Platform::reload_config() {
  const std::lock_guard one_at_a_time(reloading_);
  Result<std::string> report = read_config_again();
  if (report) {
    tower_->alarms().clear(ops::AlarmKind::ConfigInvalid, source_.path);
  } else {
    const std::string reason = text_of(report.error(), Language::En);
    log::error("app", "the configuration stays as it is: {}", reason);
    tower_->alarms().raise(ops::AlarmKind::ConfigInvalid, source_.path, reason);
  }
  return report;
}

Result<std::string> Platform::read_config_again() {
  XC_TRY(const Config fresh, load_config(source_));
  const std::vector<ConfigChange> changes = changes_between(*running(), fresh);
  const Config merged = with_live_settings(*running(), fresh);
  XC_CHECK(use_certificates(merged));
  log::open(level_of(merged.log_level), merged.log_json);
  shelf_.use(merged);
  {
    const std::lock_guard held(running_mutex_);
    running_ = std::make_shared<const Config>(merged);
    waiting_ = changes_between(merged, fresh);
  }
  tell(changes);
  return json::serialize(rendered(changes));
}

std::shared_ptr<const Config> Platform::running() const {
  const std::lock_guard held(running_mutex_);
  return running_;
}

std::string Platform::show_config() const {
  std::shared_ptr<const Config> config;
  json::array waiting;
  {
    const std::lock_guard held(running_mutex_);
    config = running_;
    for (const ConfigChange& change : waiting_) waiting.emplace_back(change.setting);
  }
  json::array settings;
  for (const Setting& setting : all_settings()) {
    settings.push_back(json::object{{"name", setting.name},
                                    {"value", shown_value(setting, *config)},
                                    {"live", is_live(setting)}});
  }
  json::array models;
  for (const auto& [model, unused] : config->overrides) models.emplace_back(model);
  return json::serialize(json::object{{"file", source_.path},
                                      {"settings", std::move(settings)},
                                      {"models_with_settings", std::move(models)},
                                      {"needs_restart", std::move(waiting)}});
}

// A renewed certificate is in force within limits::kCertificatePoll, told or not. One that cannot
// be used (written by halves, another key) leaves the old one and is tried again when it changes.
Task<void> Platform::follow_certificates() {
  auto stamp = std::make_shared<std::string>(stamp_of(config_));
  while (!stopping_) {
    Task<void> pause = net::sleep_for(limits::kCertificatePoll);
    co_await std::move(pause);
    std::function<void()> work = [this, stamp] {
      const std::lock_guard one_at_a_time(reloading_);
      const std::shared_ptr<const Config> config = running();
      std::string now = stamp_of(*config);
      if (now == *stamp) return;
      *stamp = std::move(now);
      const Status used = use_certificates(*config);
      if (used) log::info("app", "certificates changed and are in force");
      if (!used) log::error("app", "certificates: {}", text_of(used.error(), Language::En));
    };
    Task<void> looking = blocking_.run(work);
    co_await std::move(looking);
  }
}

}  // namespace xc::app
