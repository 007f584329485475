// The record of one request.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/log.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/books.h"
#include "gateway/kept_content.h"
#include "gateway/metrics.h"
#include "identity/caller.h"

namespace xc::gateway {

// Every request, served, refused or broken off, has exactly one: the destructor commits it as one
// log line, into the metrics and, when the caller is known, into the audit log: as the settlement
// of its admission, or as a refusal. Without an outcome the client went away. It never holds a key,
// and a prompt or an answer only where the tenant wants them kept. Used on one I/O thread; the
// references outlive it.
class AuditEntry {
 public:
  struct Subject {
    std::string_view method;  // of the request, as long as it lives
    std::string_view route;   // the table's pattern, or "unmatched"
    std::string request_id;
    bool quiet = false;            // probes and assets: only at debug level
    std::string_view source = {};  // the peer's address
    std::string target = {};       // the path, of changes
  };
  AuditEntry(Metrics& metrics, Books& books, const Clock& clock, Subject subject);
  ~AuditEntry();
  AuditEntry(const AuditEntry&) = delete;
  AuditEntry& operator=(const AuditEntry&) = delete;

  // A name from the installed models: it becomes a label.
  void model(std::string_view name) { model_ = name; }
  void caller(const identity::Caller& caller);
  // Where it is answered; the last one counts. The endpoint is empty for a worker of this machine.
  void place(std::string_view pool, std::string_view endpoint) {
    pool_ = pool;
    endpoint_ = endpoint;
  }
  // Another endpoint of the pool goes on with the answer: all that said a part of it are named.
  void goes_on_at(std::string_view endpoint) {
    endpoint_ += ',';
    endpoint_ += endpoint;
  }
  void outcome(int status) { status_ = status; }
  void outcome(const Error& error);

  // The leaf before the call, once. `kept_body`: the request's, when its tenant has contents kept;
  // else empty. Error: AuditUnavailable: the call must not run.
  Status admit_request(std::int64_t reserved_tokens, std::string_view kept_body = {});
  // The leaf before an administrator's change: what is asked is in the address.
  Status admit_change();
  const std::optional<audit::Ticket>& admission() const { return admission_; }
  // Where the answer is kept; null when it is not.
  KeptAnswer* kept_answer() { return answer_.get(); }
  // What the admitted call was billed.
  void spent(const Spent& spent) { spent_ = spent; }
  // The value of X-Xingcha-Receipt as of now; empty without an admission.
  std::string receipt() const;

  SteadyTime begun() const { return begun_; }
  int status() const { return status_; }  // as of now
  const std::optional<Spent>& spent() const { return spent_; }
  std::string_view route() const { return subject_.route; }
  // The names of the accounts that pay.
  std::string_view key() const { return key_id_; }
  std::string_view tenant() const { return tenant_; }
  std::string_view workspace() const { return workspace_; }
  std::string_view model() const { return model_; }

 private:
  audit::Admission facts() const;
  audit::Content content_of(KeptText kept) const;
  Status admit(const audit::Admission& facts, audit::Content content = {});
  void commit(std::int64_t took_us);
  void record_refusal();
  void write_line(double took_ms) const;

  Metrics& metrics_;
  Books& books_;
  const Clock& clock_;
  const Subject subject_;
  const SteadyTime begun_;
  std::string model_;
  std::string pool_, endpoint_;
  std::string key_id_, tenant_;
  std::string workspace_;  // tenant/workspace: names of workspaces repeat
  std::optional<audit::Ticket> admission_;
  std::unique_ptr<KeptAnswer> answer_;
  std::optional<Spent> spent_;
  int status_;
  std::string_view error_;  // the message's name
  std::string failure_;
};

}  // namespace xc::gateway
