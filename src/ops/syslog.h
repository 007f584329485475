// Alarms as syslog messages: RFC 5424 over UDP (RFC 5426), a local socket, TCP (RFC 6587 §3.4.1) or
// TLS (RFC 5425), the last two with octet counting.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "net/address.h"
#include "net/client.h"
#include "net/runtime.h"
#include "ops/alarm.h"

namespace xc::ops {

// Facility local0; severity crit, err, warning or notice; "cleared" and "acknowledged" as notice.
// STRUCTURED-DATA has the alarm's fields under xingcha@32473; MSG is the English sentence in UTF-8.
// `host`, `process`: HOSTNAME and PROCID.
std::string syslog_message(const AlarmEvent& event, const std::string& host, int process);

struct SyslogAddress {
  enum class Way : std::uint8_t { Udp, Local, Stream } way = Way::Udp;
  net::Address datagram;  // Udp, Local
  net::Origin stream;     // TCP, TLS
  // "udp://host:514", "unix:/dev/log", "tcp://host:601", "tls://host:6514". Error: BadSetting.
  static Result<SyslogAddress> parse(std::string_view text, std::string_view setting);
};

// put() and stats() are thread-safe; run() is one coroutine. Datagrams are sent once; a stream that
// fails is tried again as an Outbox does. Bounded by limits::kOutboxMax, the oldest make room.
class Syslog {
 public:
  struct Stats {
    std::uint64_t delivered = 0, failed = 0, dropped = 0;
  };
  // The references outlive it.
  Syslog(net::Runtime& runtime, net::BlockingPool& blocking, net::Client& client,
         SyslogAddress address);
  void put(std::string message);
  Task<void> run();  // until the task is cancelled
  Stats stats() const;

 private:
  Task<Status> send(std::string message);
  Task<void> deliver(std::string message);

  net::BlockingPool& blocking_;
  net::Client& client_;
  const SyslogAddress address_;
  net::Notifier wake_;
  const std::function<void()> waker_;
  mutable std::mutex mutex_;
  std::deque<std::string> messages_;
  Stats stats_;
};

}  // namespace xc::ops
