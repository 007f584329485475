// Checks of what goes on around the requests: certificates, database, audit log, clock, alarms.
#include <sys/timex.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>

#include "app/api_client.h"
#include "app/doctor.h"
#include "app/terminal.h"
#include "app/wiring.h"
#include "audit/export.h"
#include "audit/log.h"
#include "audit/verify.h"
#include "net/certificate.h"
#include "ops/outbox.h"
#include "ops/syslog.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kClockSlackMs = 2'000;
constexpr std::size_t kKeyBytesMax = 4'096;

void put(Checks& checks, std::string id, const Bilingual& title, const Surroundings& here,
         Verdict verdict, std::string text) {
  checks.push_back({std::move(id), std::string(title.in(here.language)), verdict, std::move(text)});
}

void check_certificate(const std::string& path, std::int64_t warn_days, const Surroundings& here,
                       Checks& checks) {
  if (path.empty()) return;
  const Result<net::CertificateFacts> facts = net::read_certificate(path, "certificate");
  if (!facts) {
    put(checks, "certificate", texts::CheckCertificate, here, Verdict::Bad,
        text_of(facts.error(), here.language));
    return;
  }
  const std::int64_t now = SystemClock().unix_ms();
  const std::int64_t left = facts->not_after_unix_s * 1000 - now;
  const bool early = facts->not_before_unix_s * 1000 > now;
  const Verdict verdict = early || left < 0            ? Verdict::Bad
                          : left <= warn_days * kDayMs ? Verdict::Warn
                                                       : Verdict::Fine;
  put(checks, "certificate", texts::CheckCertificate, here, verdict,
      say<texts::CertificateIs>(here.language, path, facts->subject,
                                time_text(facts->not_before_unix_s * 1000),
                                time_text(facts->not_after_unix_s * 1000)));
}

void check_database(const Surroundings& here, const Config& config, Checks& checks) {
  const bool own = config.database.empty();
  if (own && ::access(here.home.database().c_str(), F_OK) != 0) {
    put(checks, "database", texts::CheckDatabase, here, Verdict::Fine,
        std::string(texts::DatabaseNone.in(here.language)));
    return;
  }
  const std::string name = own ? here.home.database() : without_userinfo(config.database);
  const auto ring = open_key_ring(config, here.home);
  const auto keys = ring ? (*ring)->keys->list() : std::unexpected(ring.error());
  put(checks, "database", texts::CheckDatabase, here, keys ? Verdict::Fine : Verdict::Bad,
      keys ? say<texts::DatabaseIs>(here.language, name, keys->size())
           : text_of(keys.error(), here.language));
}

// The newest head that a witness has, or nothing.
Result<std::uint64_t> witnessed_size(const std::string& path, const audit::PublicKey& key) {
  XC_TRY(const std::vector<audit::SignedHead> heads, audit::read_witness(path));
  std::uint64_t size = 0;
  for (const audit::SignedHead& head : heads) {
    if (head.size > size && audit::verify(head, key)) size = head.size;
  }
  return size;
}

Result<Check> judge_audit(const Surroundings& here, const Config& config, bool verify) {
  const std::string folder = here.home.audit();
  XC_TRY(const std::string pem, store::read_bounded(audit::public_key_path(folder), kKeyBytesMax));
  XC_TRY(const audit::PublicKey key, audit::PublicKey::from_pem(pem));
  XC_TRY(const audit::SignedHead head, audit::newest_head(folder, key));
  Check check{"audit", std::string(texts::CheckAudit.in(here.language)), Verdict::Fine,
              say<texts::AuditIs>(here.language, head.size, time_text(head.unix_ms),
                                  audit::name_of(key.profile()))};
  if (head.unix_ms > SystemClock().unix_ms() + kClockSlackMs) {
    check.verdict = Verdict::Bad;
    check.text = say<texts::ClockBehindAudit>(here.language, time_text(head.unix_ms));
  }
  if (!config.witness_file.empty()) {
    XC_TRY(const std::uint64_t size, witnessed_size(config.witness_file, key));
    if (size > head.size) {
      check.verdict = Verdict::Bad;
      check.text = say<texts::AuditShorter>(here.language, head.size, size);
    }
  }
  if (!verify) return check;
  audit::VerifyOptions options;
  if (!config.witness_file.empty()) {
    XC_TRY(options.witnessed, audit::read_witness(config.witness_file));
  }
  XC_TRY(const audit::Findings found, audit::verify(folder, options));
  if (!found.good()) {
    check.verdict = Verdict::Bad;
    check.text = say<texts::AuditBad>(here.language, found.fault_count);
  }
  return check;
}

void check_audit(const Surroundings& here, const Config& config, bool verify, Checks& checks) {
  if (::access(audit::public_key_path(here.home.audit()).c_str(), F_OK) != 0) {
    put(checks, "audit", texts::CheckAudit, here, Verdict::Fine,
        std::string(texts::AuditNone.in(here.language)));
    return;
  }
  Result<Check> check = judge_audit(here, config, verify);
  if (check) {
    checks.push_back(std::move(*check));
  } else {
    put(checks, "audit", texts::CheckAudit, here, Verdict::Bad,
        text_of(check.error(), here.language));
  }
}

// What the kernel knows about its clock; containers are told too.
void check_clock(const Surroundings& here, Checks& checks) {
  timex state{};
  const bool known = ::adjtimex(&state) >= 0;
  const bool synced = known && (state.status & STA_UNSYNC) == 0;
  put(checks, "clock", texts::CheckClock, here, synced ? Verdict::Fine : Verdict::Warn,
      std::string((synced ? texts::ClockSynced : texts::ClockAlone).in(here.language)));
}

// Addresses that serve would refuse. Nothing is sent.
void check_receivers(const Surroundings& here, const Config& config, Checks& checks) {
  const auto judge = [&](const std::string& value, std::string_view setting, auto parse) {
    if (value.empty()) return;
    const auto parsed = parse(value, setting);
    put(checks, std::string(setting), texts::CheckReceiver, here,
        parsed ? Verdict::Fine : Verdict::Bad,
        parsed ? say<texts::ReceiverIs>(here.language, setting)
               : text_of(parsed.error(), here.language));
  };
  judge(config.alarm_webhook, "alarms.webhook", &ops::PostAddress::parse);
  judge(config.alarm_syslog, "alarms.syslog", &ops::SyslogAddress::parse);
  judge(config.witness_url, "audit.witness_url", &ops::PostAddress::parse);
  judge(config.trace_otlp, "tracing.otlp", &ops::PostAddress::parse);
}

// What the running server raises; nothing when none runs or the key may not see it.
void check_alarms(const Surroundings& here, Checks& checks) {
  Result<Credentials> credentials = credentials_of(here.home);
  if (!credentials || credentials->key.empty()) return;
  const ApiClient api(std::move(*credentials), here.language);
  const Result<ApiReply> reply = api.send("GET", "/admin/alarms", {}, std::chrono::seconds(5));
  if (!reply || reply->status != 200) return;
  boost::system::error_code failed;
  const boost::json::value document = boost::json::parse(reply->body, failed);
  const boost::json::value* alarms = failed ? nullptr : document.find_pointer("/alarms", failed);
  if (alarms == nullptr || !alarms->is_array()) return;
  for (const boost::json::value& alarm : alarms->get_array()) {
    const auto text = [&alarm](const char* name) {
      const auto* value = alarm.is_object() ? alarm.get_object().if_contains(name) : nullptr;
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : "?";
    };
    put(checks, "alarm:" + text("alarm"), texts::CheckAlarm, here,
        text("severity") == "critical" ? Verdict::Bad : Verdict::Warn,
        text("runbook") + " " + text("text"));
  }
  if (alarms->get_array().empty()) {
    put(checks, "alarms", texts::CheckAlarm, here, Verdict::Fine,
        std::string(texts::AlarmsNone.in(here.language)));
  }
}

}  // namespace

void check_operations(const Surroundings& here, const Config& config, bool verify, Checks& checks) {
  check_certificate(config.tls_certificate, config.alarm_certificate_days, here, checks);
  check_certificate(config.tls_client_ca, config.alarm_certificate_days, here, checks);
  check_certificate(config.endpoint_certificate, config.alarm_certificate_days, here, checks);
  check_database(here, config, checks);
  check_audit(here, config, verify, checks);
  check_clock(here, checks);
  check_receivers(here, config, checks);
  check_alarms(here, checks);
}

}  // namespace xc::app
