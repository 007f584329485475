// What was promised and what was spent: the quota ledger, the audit log and the usage table, kept
// in step. The audit log is the only thing that is written while a request runs; it is also the
// ledger's write-ahead log: an admission says what was set aside, a settlement what was spent.
// docs/decisions/0016 has the reasons.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "audit/log.h"
#include "base/clock.h"
#include "identity/quota_leases.h"
#include "identity/quota_ledger.h"
#include "identity/quota_rules.h"
#include "identity/quota_usage.h"
#include "store/database.h"

namespace xc::gateway {

// How a request ended, as records and usage say it.
enum class Ended : std::uint8_t {
  Done,
  ClientGone,
  Deadline,
  Upstream,  // the model's process or endpoint failed
  Refused,   // by us, after the admission
  Failed,    // anything else
  Lost,      // the server ended in the middle; billed as nothing
};
std::string_view name_of(Ended ended);

// What the ledger booked for a request.
struct Spent {
  identity::AccountIds accounts{};
  identity::Tokens tokens{};
  std::int64_t cost_micro = 0;
};

// Thread-safe. What it refers to outlives it.
class Books {
 public:
  // Blocking. Reads what the last process left: adds settlements up to the end of the log, gives
  // admissions that were lost a settlement, puts limits in force, books the month so far. Error:
  // DatabaseError, FileError, AuditDamaged.
  static Result<std::unique_ptr<Books>> open(audit::Log& log, store::Database& database,
                                             const Clock& clock);
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;

  audit::Log& log() { return log_; }
  identity::QuotaLedger& ledger() { return ledger_; }
  identity::QuotaRules& rules() { return rules_; }
  const identity::QuotaRules& rules() const { return rules_; }
  const identity::UsageTable& usage() const { return usage_; }

  // The leaf before a call; settle() must follow. Error: AuditUnavailable, BadLength.
  Result<audit::Ticket> admit(const audit::Admission& admission, audit::Content content = {});
  // Exactly one for each admission; never fails visibly: the log keeps room for settlements, and
  // what it does not take at shutdown is lost to nobody but us. `spent`: null for calls that spend
  // nothing, such as an administrator's.
  void settle(const audit::Ticket& admission, const audit::Settlement& settlement, Ended ended,
              const Spent* spent, audit::Content content = {});
  // A request that a known caller made and that was not admitted, as canonical JSON. Beyond
  // limits::kAuditRefusalsPerSecond, and while the log takes no more, they are only counted; the
  // next record says how many.
  void refused(audit::RecordText record);

  // Blocking. Adds to the usage table what is on disk by now; logs alerts.
  Status roll_up();
  // Blocking. The same, and leases of budgets that several gateways share are renewed. Every
  // limits::kUsageInterval. A database that is away leaves all as it was.
  Status keep_up();
  // Blocking. The last roll-up, and what was leased goes back. No request runs any more.
  Status close();
  // Of budgets that several gateways share; null: there is one gateway, the ledger has all.
  identity::QuotaLeases* leases() { return leases_.get(); }

 private:
  struct Item {
    std::uint64_t leaf = 0;
    std::int64_t unix_ms = 0;
    Ended ended = Ended::Done;
    Spent spent;
    std::string pool, endpoint;
  };
  Books(audit::Log& log, store::Database& database, const Clock& clock);
  Status recover();
  // Adds settlements [from, to) of the log's files.
  Status add_from_log(std::uint64_t from, std::uint64_t to);
  Status settle_lost(std::uint64_t from, std::uint64_t to);
  Status add(std::vector<identity::UsageRow> rows, std::uint64_t next);
  // Under mutex_. Forgets admissions whose settlement is below `next`, on disk; the oldest left.
  std::uint64_t oldest_open(std::uint64_t next);
  identity::UsageRow row_of(const Item& item) const;
  void tell_alerts();

  audit::Log& log_;
  const Clock& clock_;
  identity::QuotaLedger ledger_;
  identity::QuotaRules rules_;
  identity::UsageTable usage_;
  std::unique_ptr<identity::QuotaLeases> leases_;
  const std::string log_name_;

  struct Settled {
    std::uint64_t leaf = 0, admission = 0;
  };

  std::mutex rolling_;                    // one roll-up at a time
  std::uint64_t rolled_ = 0;              // settlements below are in the table; under rolling_
  bool unsure_ = false;                   // whether the last roll-up happened; under rolling_
  std::uint64_t open_from_ = UINT64_MAX;  // the oldest admission that is open; under rolling_
  std::mutex mutex_;                      // a leaf and what is kept of it here come together
  std::vector<Item> items_;               // of leaves from rolled_ on
  std::uint64_t items_from_ = 0;          // items of leaves below may be missing: read the log
  std::vector<std::uint64_t> open_;       // admissions whose settlement is not on disk; ascending
  std::deque<Settled> settled_;           // of them, those that wait for the disk; by leaf
  std::int64_t refusal_second_ = 0;
  int refusals_ = 0;
  std::uint64_t refusals_left_out_ = 0;
};

}  // namespace xc::gateway
