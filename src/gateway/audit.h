// The record of one request.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/metrics.h"
#include "schema/chat.h"

namespace xc::gateway {

// Every request, served, refused or broken off, has exactly one: the destructor commits it as one
// log line and into the metrics. Without an outcome the client went away. It never holds a key, a
// prompt or an answer. Used on one I/O thread; the references outlive it.
class AuditEntry {
 public:
  struct Subject {
    std::string_view method;  // of the request, as long as it lives
    std::string_view route;   // the table's pattern, or "unmatched"
    std::string request_id;
    bool quiet = false;  // probes and assets: only at debug level
  };
  AuditEntry(Metrics& metrics, const Clock& clock, Subject subject);
  ~AuditEntry();
  AuditEntry(const AuditEntry&) = delete;
  AuditEntry& operator=(const AuditEntry&) = delete;

  // A name from the installed models: it becomes a label.
  void model(std::string_view name) { model_ = name; }
  void caller(std::string_view key_id) { key_id_ = key_id; }
  void usage(const schema::Usage& usage) { usage_ = usage; }
  void outcome(int status) { status_ = status; }
  void outcome(const Error& error);

  SteadyTime begun() const { return begun_; }
  std::string_view route() const { return subject_.route; }

 private:
  Metrics& metrics_;
  const Clock& clock_;
  const Subject subject_;
  const SteadyTime begun_;
  std::string model_;
  std::string key_id_;
  schema::Usage usage_;
  int status_;
  std::string failure_;
};

}  // namespace xc::gateway
