#include "gateway/audit.h"

#include <utility>

#include "base/log.h"

namespace xc::gateway {
namespace {

Ended ended_of(int status) {
  if (status < 400) return Ended::Done;
  if (status == facts_of(Code::Cancelled).http_status) return Ended::ClientGone;
  if (status == facts_of(Code::Timeout).http_status) return Ended::Deadline;
  if (status == facts_of(Code::Upstream).http_status) return Ended::Upstream;
  return status < 500 || status == facts_of(Code::Unavailable).http_status ? Ended::Refused
                                                                           : Ended::Failed;
}

// What only reads leaves no trace in the audit log, whoever is refused.
bool only_reads(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

}  // namespace

AuditEntry::AuditEntry(Metrics& metrics, Books& books, const Clock& clock, Subject subject)
    : metrics_(metrics),
      books_(books),
      clock_(clock),
      subject_(std::move(subject)),
      begun_(clock.now()),
      status_(facts_of(Code::Cancelled).http_status) {
  metrics_.request_begun();
}

AuditEntry::~AuditEntry() {
  const Duration took = clock_.now() - begun_;
  metrics_.request_ended(model_, subject_.route, status_,
                         std::chrono::duration<double>(took).count());
  if (admission_) {
    commit(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  } else if (!key_id_.empty() && status_ >= 400 && !only_reads(subject_.method)) {
    record_refusal();
  }
  write_line(std::chrono::duration<double, std::milli>(took).count());
}

void AuditEntry::commit(std::int64_t took_us) {
  const Ended ended = ended_of(status_);
  audit::Settlement settlement;
  settlement.request_id = subject_.request_id;
  settlement.tenant = tenant_;
  settlement.workspace = workspace_;
  settlement.key_id = key_id_;
  settlement.model = model_;
  settlement.pool = pool_;
  settlement.endpoint = endpoint_;
  settlement.status = status_;
  settlement.ended = name_of(ended);
  settlement.error = error_;
  if (spent_) {
    settlement.prompt_tokens = spent_->tokens.prompt;
    settlement.cached_tokens = spent_->tokens.cached;
    settlement.completion_tokens = spent_->tokens.completion;
    settlement.cost_micro = spent_->cost_micro;
  }
  settlement.took_us = took_us;
  audit::Content content;
  if (answer_) content = content_of(answer_->take());
  books_.settle(*admission_, settlement, ended, spent_ ? &*spent_ : nullptr, std::move(content));
}

void AuditEntry::record_refusal() {
  audit::RecordText record;
  record.text("event", "refused")
      .text("request", subject_.request_id)
      .text("tenant", tenant_)
      .text("workspace", workspace_)
      .text("key", key_id_)
      .text("source", subject_.source)
      .text("method", subject_.method)
      .text("route", subject_.route)
      .text("model", model_)
      .number("status", status_)
      .text("error", error_);
  books_.refused(std::move(record));
}

void AuditEntry::write_line(double took_ms) const {
  const log::Level level = subject_.quiet ? log::Level::Debug : log::Level::Info;
  if (!log::enabled(level)) return;
  const identity::Tokens tokens = spent_ ? spent_->tokens : identity::Tokens{};
  log::write(level, "audit",
             fmt::format("{} {} {} status={} ms={:.1f} model={} key={} prompt={} cached={} "
                         "completion={}{}{}",
                         subject_.request_id, subject_.method, subject_.route, status_, took_ms,
                         model_, key_id_, tokens.prompt, tokens.cached, tokens.completion,
                         failure_.empty() ? "" : " error=", failure_));
}

void AuditEntry::caller(const identity::Caller& caller) {
  key_id_ = caller.key_id;
  tenant_ = caller.tenant;
  workspace_.reserve(caller.tenant.size() + 1 + caller.workspace.size());
  workspace_ = caller.tenant;
  workspace_ += '/';
  workspace_ += caller.workspace;
}

void AuditEntry::outcome(const Error& error) {
  status_ = facts_of(error.code).http_status;
  error_ = name_of(error.message);
  failure_ = error_;
  if (!error.detail.empty()) failure_ += ": " + error.detail;
}

audit::Admission AuditEntry::facts() const {
  audit::Admission facts;
  facts.request_id = subject_.request_id;
  facts.tenant = tenant_;
  facts.workspace = workspace_;
  facts.key_id = key_id_;
  facts.source = subject_.source;
  facts.method = subject_.method;
  facts.route = subject_.route;
  facts.model = model_;
  return facts;
}

audit::Content AuditEntry::content_of(KeptText kept) const {
  return books_.log().content_of(std::move(kept.text), kept.whole_bytes);
}

Status AuditEntry::admit(const audit::Admission& facts, audit::Content content) {
  Result<audit::Ticket> ticket = books_.admit(facts, std::move(content));
  if (!ticket) return std::unexpected(std::move(ticket.error()));
  admission_ = *ticket;
  return {};
}

Status AuditEntry::admit_request(std::int64_t reserved_tokens, std::string_view kept_body) {
  audit::Admission request = facts();
  request.reserved_tokens = reserved_tokens;
  if (kept_body.empty()) return admit(request);
  XC_CHECK(admit(request, content_of(kept_request(kept_body))));
  answer_ = std::make_unique<KeptAnswer>();
  return {};
}

Status AuditEntry::admit_change() {
  audit::Admission change = facts();
  change.target = subject_.target;
  return admit(change);
}

std::string AuditEntry::receipt() const {
  return admission_ ? books_.log().receipt(*admission_) : std::string();
}

}  // namespace xc::gateway
