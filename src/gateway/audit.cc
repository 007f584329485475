#include "gateway/audit.h"

#include <utility>

#include "base/log.h"

namespace xc::gateway {

AuditEntry::AuditEntry(Metrics& metrics, const Clock& clock, Subject subject)
    : metrics_(metrics),
      clock_(clock),
      subject_(std::move(subject)),
      begun_(clock.now()),
      status_(facts_of(Code::Cancelled).http_status) {
  metrics_.request_begun();
}

AuditEntry::~AuditEntry() {
  const std::chrono::duration<double> took = clock_.now() - begun_;
  metrics_.request_ended(model_, subject_.route, status_, took.count());
  const log::Level level = subject_.quiet ? log::Level::Debug : log::Level::Info;
  if (!log::enabled(level)) return;
  log::write(
      level, "audit",
      fmt::format("{} {} {} status={} ms={:.1f} model={} key={} prompt={} cached={} "
                  "completion={}{}{}",
                  subject_.request_id, subject_.method, subject_.route, status_,
                  took.count() * 1000, model_, key_id_, usage_.prompt_tokens, usage_.cached_tokens,
                  usage_.completion_tokens, failure_.empty() ? "" : " error=", failure_));
}

void AuditEntry::outcome(const Error& error) {
  status_ = facts_of(error.code).http_status;
  failure_ = name_of(error.message);
  if (!error.detail.empty()) failure_ += ": " + error.detail;
}

}  // namespace xc::gateway
