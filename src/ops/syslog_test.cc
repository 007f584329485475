#include "ops/syslog.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "net/net_test.h"

namespace xc::ops {
namespace {

using namespace std::chrono_literals;

AlarmEvent event_of(AlarmChange change) {
  Alarm alarm;
  alarm.kind = AlarmKind::DiskLow;
  alarm.subject = "/data \"x\"]";
  alarm.detail = "1 MiB\nleft";
  alarm.id = "alm_1";
  alarm.raised_unix_ms = 1'700'000'000'123;
  alarm.cleared_unix_ms = 1'700'000'060'000;
  return {change, alarm};
}

TEST(SyslogMessage, is_rfc_5424) {
  EXPECT_EQ(syslog_message(event_of(AlarmChange::Raised), "gw 1.example", 42),
            "<131>1 2023-11-14T22:13:20.123Z gw1.example xingcha 42 XC-A02 [xingcha@32473 "
            "event=\"raised\" id=\"alm_1\" alarm=\"disk_low\" severity=\"major\" "
            "runbook=\"XC-A02\" subject=\"/data \\\"x\\\"\\]\" detail=\"1 MiB left\"] \xEF\xBB\xBF"
            "The disk is nearly full: /data \"x\"] has 1 MiB left left");
  const std::string cleared = syslog_message(event_of(AlarmChange::Cleared), "", 1);
  EXPECT_TRUE(cleared.starts_with("<133>1 2023-11-14T22:14:20.000Z - xingcha 1 ")) << cleared;
}

TEST(SyslogAddress, knows_four_ways) {
  using Way = SyslogAddress::Way;
  EXPECT_EQ(SyslogAddress::parse("udp://log.example:514", "s")->datagram.port, 514);
  EXPECT_EQ(SyslogAddress::parse("unix:/dev/log", "s")->way, Way::Local);
  EXPECT_EQ(SyslogAddress::parse("tcp://[::1]:601", "s")->way, Way::Stream);
  EXPECT_TRUE(SyslogAddress::parse("tls://log.example:6514", "s")->stream.tls);
  for (const char* bad :
       {"", "log.example", "udp://x", "tcp://x:1/path", "http://x:1", "udp:x:1"}) {
    EXPECT_FALSE(SyslogAddress::parse(bad, "s")) << bad;
  }
}

class SyslogTest : public testing::Test {
 protected:
  void run(const std::string& address, std::vector<std::string> messages) {
    Syslog syslog(loops.runtime, blocking, client, *SyslogAddress::parse(address, "s"));
    net::TaskGroup tasks("test");
    tasks.spawn(loops.runtime.executor(0), [&syslog] { return syslog.run(); });
    const std::size_t count = messages.size();
    for (std::string& message : messages) syslog.put(std::move(message));
    EXPECT_TRUE(net::eventually([&] { return syslog.stats().delivered == count; }));
    tasks.cancel();
    loops.run([&tasks]() -> Task<void> {
      Task<bool> joining = tasks.join(Deadline::after(5s));
      co_await std::move(joining);
    });
  }
  static std::string receive(int fd) {
    char bytes[4096];
    const ssize_t size = ::recv(fd, bytes, sizeof(bytes), 0);
    return {bytes, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

  net::Loops loops;
  net::BlockingPool blocking{1};
  net::Client client{loops.runtime};
};

TEST_F(SyslogTest, goes_out_as_datagrams) {
  const TestFolder dir;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  dir.path("log").copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int local = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(local, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  run("unix:" + dir.path("log"), {"<131>1 one", "<131>1 two"});
  EXPECT_EQ(receive(local), "<131>1 one");
  EXPECT_EQ(receive(local), "<131>1 two");
  ::close(local);

  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(any);
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(udp, reinterpret_cast<sockaddr*>(&any), size), 0);
  ::getsockname(udp, reinterpret_cast<sockaddr*>(&any), &size);
  run("udp://127.0.0.1:" + std::to_string(ntohs(any.sin_port)), {"<131>1 three"});
  EXPECT_EQ(receive(udp), "<131>1 three");
  ::close(udp);
}

TEST_F(SyslogTest, goes_out_as_a_stream_with_counted_octets) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(any);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&any), size), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&any), &size);
  run("tcp://127.0.0.1:" + std::to_string(ntohs(any.sin_port)), {"<131>1 one"});
  const int peer = ::accept(listener, nullptr, nullptr);
  EXPECT_EQ(receive(peer), "10 <131>1 one");
  EXPECT_EQ(receive(peer), "");
  ::close(peer);
  ::close(listener);
}

}  // namespace
}  // namespace xc::ops
