#include "ops/syslog.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/limits.h"
#include "base/log.h"
#include "net/datagram.h"

namespace xc::ops {
namespace {

constexpr int kFacility = 16;                      // local0
constexpr std::string_view kId = "xingcha@32473";  // the number that RFC 5612 keeps for examples

int severity_of(const AlarmEvent& event) {
  constexpr int kNotice = 5;
  if (event.change != AlarmChange::Raised) return kNotice;
  switch (facts_of(event.alarm.kind).severity) {
    case Severity::Critical:
      return 2;
    case Severity::Major:
      return 3;
    case Severity::Minor:
      return 4;
    case Severity::Warning:
      break;
  }
  return kNotice;
}

// RFC 5424 §6.3.3: these three are escaped in a PARAM-VALUE.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

// HOSTNAME and the like: PRINTUSASCII, bounded, "-" when nothing is left.
std::string plain(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) {
    if (c > 0x20 && c < 0x7f) out += c;
  }
  return out.empty() ? "-" : out;
}

std::string time_text(std::int64_t unix_ms) {
  const auto at = std::chrono::system_clock::time_point(std::chrono::milliseconds(unix_ms));
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03d}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(at)), unix_ms % 1000);
}

std::int64_t time_of(const AlarmEvent& event) {
  if (event.change == AlarmChange::Cleared) return event.alarm.cleared_unix_ms;
  if (event.change == AlarmChange::Acknowledged) return event.alarm.acknowledged_unix_ms;
  return event.alarm.raised_unix_ms;
}

std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

std::unexpected<Error> bad_address(std::string_view text, std::string_view setting) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(setting), std::string(text),
               "udp://HOST:514 | tcp://HOST:601 | tls://HOST:6514 | unix:/dev/log"});
}

}  // namespace

std::string syslog_message(const AlarmEvent& event, const std::string& host, int process) {
  const Alarm& alarm = event.alarm;
  const AlarmFacts& facts = facts_of(alarm.kind);
  return fmt::format(
      "<{}>1 {} {} xingcha {} {} [{} event=\"{}\" id=\"{}\" alarm=\"{}\" severity=\"{}\" "
      "runbook=\"{}\" subject=\"{}\" detail=\"{}\"] \xEF\xBB\xBF{}",
      kFacility * 8 + severity_of(event), time_text(time_of(event)), plain(host, 255), process,
      plain(facts.runbook, 32), kId, name_of(event.change), escaped(alarm.id), facts.name,
      name_of(facts.severity), facts.runbook, escaped(alarm.subject), escaped(alarm.detail),
      one_line(sentence_of(alarm, Language::En)));
}

Result<SyslogAddress> SyslogAddress::parse(std::string_view text, std::string_view setting) {
  SyslogAddress made;
  if (text.starts_with("unix:")) {
    made.way = Way::Local;
    auto parsed = net::Address::parse(text);
    if (!parsed) return bad_address(text, setting);
    made.datagram = std::move(*parsed);
    return made;
  }
  const std::size_t scheme = std::min(text.find("://"), text.size());
  const std::string_view way = text.substr(0, scheme);
  const std::string rest(text.substr(std::min(scheme + 3, text.size())));
  if (way == "udp") {
    auto parsed = net::Address::parse(rest);
    if (!parsed || parsed->port == 0) return bad_address(text, setting);
    made.datagram = std::move(*parsed);
    return made;
  }
  if (way != "tcp" && way != "tls") return bad_address(text, setting);
  made.way = Way::Stream;
  auto parsed = net::Origin::parse((way == "tls" ? "https://" : "http://") + rest);
  if (!parsed || !parsed->base_path.empty()) return bad_address(text, setting);
  made.stream = std::move(*parsed);
  return made;
}

Syslog::Syslog(net::Runtime& runtime, net::BlockingPool& blocking, net::Client& client,
               SyslogAddress address)
    : blocking_(blocking),
      client_(client),
      address_(std::move(address)),
      wake_(runtime.executor(0)),
      waker_(wake_.waker()) {}

void Syslog::put(std::string message) {
  {
    const std::lock_guard held(mutex_);
    if (messages_.size() >= limits::kOutboxMax) {
      messages_.pop_front();
      ++stats_.dropped;
    }
    messages_.push_back(std::move(message));
  }
  waker_();
}

Task<void> Syslog::run() {
  for (;;) {
    std::string message;
    {
      const std::lock_guard held(mutex_);
      if (!messages_.empty()) {
        message = std::move(messages_.front());
        messages_.pop_front();
      }
    }
    if (message.empty()) {
      const Deadline never = Deadline::never();
      Task<bool> waiting = wake_.wait(never);
      co_await std::move(waiting);
      continue;
    }
    Task<void> delivering = deliver(std::move(message));
    co_await std::move(delivering);
  }
}

Task<void> Syslog::deliver(std::string message) {
  Duration pause = limits::kOutboxBackoffFirst;
  const int tries_max = address_.way == SyslogAddress::Way::Stream ? limits::kOutboxTriesMax : 1;
  Status sent;
  for (int tries = 0; tries < tries_max; ++tries) {
    if (tries > 0) {
      Task<void> sleeping = net::sleep_for(pause);
      co_await std::move(sleeping);
      pause = std::min<Duration>(pause * 2, limits::kOutboxBackoffMax);
    }
    Task<Status> sending = send(message);
    sent = co_await std::move(sending);
    if (sent) break;
  }
  if (!sent) log::warn("ops", "syslog: {}", text_of(sent.error(), Language::En));
  const std::lock_guard held(mutex_);
  ++(sent ? stats_.delivered : stats_.failed);
}

Task<Status> Syslog::send(std::string message) {
  if (address_.way == SyslogAddress::Way::Stream) {
    std::string frame = fmt::format("{} {}", message.size(), message);
    const Deadline deadline = Deadline::after(limits::kOutboxTimeout);
    Task<Status> pushing = client_.send_bytes(address_.stream, std::move(frame), deadline);
    Status pushed = co_await std::move(pushing);
    co_return pushed;
  }
  auto outcome = std::make_shared<Status>();
  std::function<void()> work = [outcome, to = address_.datagram, bytes = std::move(message)] {
    *outcome = net::send_datagram(to, bytes);
  };
  Task<void> sending = blocking_.run(std::move(work));
  co_await std::move(sending);
  co_return *outcome;
}

Syslog::Stats Syslog::stats() const {
  const std::lock_guard held(mutex_);
  return stats_;
}

}  // namespace xc::ops
