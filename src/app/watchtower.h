// What goes on around the requests: looks at the platform's conditions every few seconds, keeps the
// alarms, and hands alarms, traces and signed audit heads to other houses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/config.h"
#include "audit/log.h"
#include "base/clock.h"
#include "base/id.h"
#include "fleet/fleet.h"
#include "fleet/pools.h"
#include "gateway/books.h"
#include "gateway/operations.h"
#include "identity/accounts.h"
#include "net/client.h"
#include "net/runtime.h"
#include "ops/alarm_board.h"
#include "ops/outbox.h"
#include "ops/syslog.h"
#include "ops/tracer.h"
#include "ops/witness.h"

namespace xc::app {

class Watchtower {
 public:
  struct Ground {  // outlives the tower
    const Clock& clock;
    RandomSource& random;
    net::Runtime& runtime;
    net::BlockingPool& blocking;
    net::Client& client;
  };
  // What can be seen from there; outlives the tower.
  struct View {
    fleet::Fleet& fleet;
    fleet::Pools& pools;
    gateway::Books& books;
    identity::Accounts& accounts;
    std::string database;  // for people; no secret
    std::vector<std::string> folders;
  };

  // Error: BadSetting (an address that is none).
  static Result<std::unique_ptr<Watchtower>> open(const Config& config, const Ground& ground);
  ~Watchtower();
  Watchtower(const Watchtower&) = delete;
  Watchtower& operator=(const Watchtower&) = delete;

  // For LogOptions::witness; may be called after the tower is gone. Null without a witness.
  std::function<void(const audit::SignedHead&)> witness() const;
  // From here on it looks. Before start().
  void watch(View view);
  // The coroutines that deliver.
  void start(net::TaskGroup& tasks);
  // One look at everything. Blocking.
  void look(const Config& config);

  ops::AlarmBoard& alarms() { return *alarms_; }
  ops::SpanSink* traces() { return tracer_.get(); }
  std::vector<gateway::Delivery> deliveries() const;

 private:
  // Shared with the audit log's callback, which may outlive the tower.
  struct Heads {
    std::mutex mutex;
    Watchtower* tower = nullptr;
  };

  explicit Watchtower(const Ground& ground);
  void tell(const ops::AlarmEvent& event);
  void push(const audit::SignedHead& head);
  void look_at_workers();
  void look_at_disks(const Config& config);
  void look_at_audit();
  void look_at_pools();
  void look_at_quotas();
  void look_at_certificates(const Config& config);
  void look_at_database();
  void look_at_logins(const std::vector<identity::UserRecord>& locked);
  void look_at_witnesses();
  void expire(const Config& config);

  const Ground ground_;
  const std::string host_;
  std::unique_ptr<ops::AlarmBoard> alarms_;
  std::unique_ptr<ops::Outbox> webhook_, witness_url_;
  std::unique_ptr<ops::Syslog> syslog_;
  std::unique_ptr<ops::WitnessFile> witness_file_;
  std::unique_ptr<ops::Tracer> tracer_;
  std::shared_ptr<Heads> heads_ = std::make_shared<Heads>();
  std::unique_ptr<View> view_;
  std::map<std::string, std::int64_t> failing_since_unix_ms_;  // of witnesses; look() only
  std::int64_t expired_unix_ms_ = 0;                           // look() only
};

}  // namespace xc::app
