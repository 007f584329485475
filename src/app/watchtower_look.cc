// The conditions that are alarms.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "app/watchtower.h"
#include "base/limits.h"
#include "base/log.h"
#include "fleet/pool_trouble.h"
#include "net/certificate.h"

namespace xc::app {
namespace {

using ops::AlarmKind;
using Details = std::map<std::string, std::string>;  // by subject

constexpr std::int64_t kDayMs = 86'400'000;

std::string detail_of(const Error& error) {
  std::string text = xc::text_of(error, Language::En);
  if (!error.detail.empty()) text += " " + error.detail;
  return text;
}

}  // namespace

void Watchtower::look(const Config& config) {
  if (!view_) return;
  look_at_workers();
  look_at_pools();
  look_at_disks(config);
  look_at_audit();
  look_at_quotas();
  look_at_certificates(config);
  look_at_database();
  look_at_witnesses();
  alarms_->tick();
  expire(config);
}

void Watchtower::look_at_workers() {
  Details open;
  for (const fleet::ModelStatus& model : view_->fleet.status()) {
    if (model.state == fleet::State::Failed) open[model.name] = model.reason;
  }
  alarms_->hold(AlarmKind::WorkerCircuitOpen, open);
}

void Watchtower::look_at_pools() {
  const std::vector<fleet::EndpointStatus> endpoints = view_->pools.status();
  alarms_->hold(AlarmKind::EndpointDown, fleet::troubled_endpoints(endpoints));
  alarms_->hold(AlarmKind::ModelUnserved, fleet::unserved_models(*view_->pools.table(), endpoints));
}

void Watchtower::look_at_disks(const Config& config) {
  const std::uint64_t least = static_cast<std::uint64_t>(config.alarm_disk_free_mib) << 20;
  Details low;
  std::set<dev_t> seen;
  for (const std::string& folder : view_->folders) {
    struct stat facts{};
    if (::stat(folder.c_str(), &facts) != 0 || !seen.insert(facts.st_dev).second) continue;
    std::error_code failed;
    const auto space = std::filesystem::space(folder, failed);
    if (failed || space.available >= least) continue;
    low[folder] = fmt::format("{} MiB", space.available >> 20);
  }
  alarms_->hold(AlarmKind::DiskLow, low);
}

void Watchtower::look_at_audit() {
  const audit::Log& log = view_->books.log();
  const audit::Log::Stats stats = log.stats();
  Details failing;
  if (stats.failing) {
    failing[log.folder()] = fmt::format("{} failed writes, {} leaves wait", stats.failures,
                                        stats.leaves - std::min(stats.leaves, stats.committed));
  }
  alarms_->hold(AlarmKind::AuditNotWritable, failing);
}

void Watchtower::look_at_quotas() {
  Details reached;
  for (const identity::Alert& alert : view_->books.ledger().alerted()) {
    const std::string subject = fmt::format("{} {}: {}", identity::name_of(alert.scope), alert.name,
                                            identity::name_of(alert.meter));
    reached[subject] = fmt::format("{} of {} are used or reserved (soft limit {} %)",
                                   alert.balance.reserved + alert.balance.settled,
                                   alert.balance.granted, alert.balance.alert_percent);
  }
  alarms_->hold(AlarmKind::QuotaSoftLimit, reached);
  Details unbalanced;
  const identity::QuotaLedger::Audit ledger = view_->books.ledger().audit();
  if (!ledger.conserved) {
    unbalanced["quota ledger"] = fmt::format("{} reservations are open", ledger.open);
  }
  alarms_->hold(AlarmKind::BooksUnbalanced, unbalanced);
}

void Watchtower::look_at_certificates(const Config& config) {
  Details soon;
  const std::int64_t now = ground_.clock.unix_ms();
  for (const std::string& path :
       {config.tls_certificate, config.tls_client_ca, config.endpoint_certificate}) {
    if (path.empty()) continue;
    const Result<net::CertificateFacts> facts = net::read_certificate(path, "certificate");
    if (!facts) {
      soon[path] = detail_of(facts.error());
      continue;
    }
    const std::int64_t left = facts->not_after_unix_s * 1000 - now;
    if (left > config.alarm_certificate_days * kDayMs) continue;
    soon[path] = left < 0 ? fmt::format("{} has expired", facts->subject)
                          : fmt::format("{}, {} days left", facts->subject, left / kDayMs);
  }
  alarms_->hold(AlarmKind::CertificateExpires, soon);
}

void Watchtower::look_at_database() {
  Details away;
  const auto locked = view_->accounts.users.locked();
  if (!locked) away[view_->database] = detail_of(locked.error());
  alarms_->hold(AlarmKind::DatabaseAway, away);
  if (locked) look_at_logins(*locked);
}

// Two subjects, however many are attacked: an attacker must not fill the board.
void Watchtower::look_at_logins(const std::vector<identity::UserRecord>& locked) {
  Details failures;
  if (!locked.empty()) {
    const identity::UserRecord& first = locked.front();
    failures["accounts"] =
        fmt::format("{} are locked, {}/{} first", locked.size(), first.tenant, first.name);
  }
  const int sources = view_->accounts.sessions->sources_refused();
  if (sources > 0) failures["sources"] = fmt::format("{} addresses are refused", sources);
  alarms_->hold(AlarmKind::LoginFailures, failures);
}

// One failed post is nothing: the next head says more. Failing for long leaves a log that its owner
// could rewrite unseen.
void Watchtower::look_at_witnesses() {
  Details behind;
  const auto judge = [&](const std::string& name, const std::string& error, bool configured) {
    if (!configured) return;
    std::int64_t& since = failing_since_unix_ms_[name];
    if (error.empty()) {
      since = 0;
      return;
    }
    const std::int64_t now = ground_.clock.unix_ms();
    if (since == 0) since = now;
    if (now - since >= std::chrono::milliseconds(limits::kWitnessLate).count()) {
      behind[name] = error;
    }
  };
  judge("witness_file", witness_file_ ? witness_file_->stats().last_error : "",
        witness_file_ != nullptr);
  judge("witness_url", witness_url_ ? witness_url_->stats().last_error : "",
        witness_url_ != nullptr);
  alarms_->hold(AlarmKind::WitnessBehind, behind);
}

// Once a day, and at the first look.
void Watchtower::expire(const Config& config) {
  const std::int64_t now = ground_.clock.unix_ms();
  if (config.audit_retention_days == 0 || now - expired_unix_ms_ < kDayMs) return;
  expired_unix_ms_ = now;
  const Result<int> gone =
      view_->books.log().expire(now - config.audit_retention_days * kDayMs, "retention");
  if (!gone) log::error("audit", "expiry: {}", detail_of(gone.error()));
  if (gone && *gone > 0) log::info("audit", "{} segments' contents have expired", *gone);
}

}  // namespace xc::app
