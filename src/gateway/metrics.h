// What the door counts, as Prometheus series. The registry hides behind this header.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "fleet/fleet.h"
#include "fleet/pools.h"
#include "net/server.h"
#include "schema/chat.h"

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus

namespace xc::gateway {

class Books;
struct Operations;

// The series of one model on one route, looked up once a request. Lives as long as its Metrics.
// Thread-safe.
class Series {
 public:
  void queued(double seconds);
  void first_token(double seconds);
  void gap(double seconds, int tokens);  // the same gap for each of the tokens that came together
  void spent(const schema::Usage& usage);

 private:
  friend class Metrics;
  prometheus::Histogram* queue_ = nullptr;
  prometheus::Histogram* first_token_ = nullptr;
  prometheus::Histogram* gap_ = nullptr;
  prometheus::Counter* prompt_ = nullptr;
  prometheus::Counter* cached_ = nullptr;
  prometheus::Counter* completion_ = nullptr;
};

// Labels have few values: routes are the table's patterns, models are those installed or "unknown"
// (the caller sees to that). Thread-safe.
class Metrics {
 public:
  explicit Metrics(std::string_view version);
  ~Metrics();

  Series& series(std::string_view model, std::string_view route);
  void request_begun();
  void request_ended(std::string_view model, std::string_view route, int status, double seconds);
  void upstream_retried();
  void handed_over();
  void continued();
  void hedged(bool second_won);
  void quota_refused(std::string_view scope, std::string_view meter);
  // What brings the ledger up to date, empty while it is fresher than limits::kLedgerAuditFresh.
  // For the blocking pool: it walks all accounts under the ledger's lock, and /metrics needs no
  // key. It may run on after these Metrics are gone; `books` outlives it.
  std::function<void()> ledger_walk(Books& books, SteadyTime now);
  // The audit log as it is now.
  void audit_log(Books& books);

  // Alarms, and what was handed to others.
  void operations(const Operations& operations);

  // What the ready workers' engines say now, by model (engines.h). Totals go on over the restarts
  // of a worker, gauges of a model that is not there are 0.
  void engines(const std::map<std::string, std::map<std::string, double, std::less<>>>& now);

  // The endpoints of pools as they are now. Gauges of one that is gone are 0.
  void endpoints(const std::vector<fleet::EndpointStatus>& now);

  // Everything in Prometheus' text format 0.0.4, gauges as they are now.
  std::string text(const std::vector<fleet::ModelStatus>& workers,
                   const net::Server::Counters& connections);

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace xc::gateway
