#include "app/watchtower.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "audit/record.h"
#include "base/limits.h"
#include "base/log.h"
#include "ops/webhook.h"

namespace xc::app {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

void add(std::vector<gateway::Delivery>& list, const char* sink, std::uint64_t delivered,
         std::uint64_t failed, std::uint64_t dropped) {
  list.push_back({sink, "delivered", delivered});
  list.push_back({sink, "failed", failed});
  list.push_back({sink, "dropped", dropped});
}

void add(std::vector<gateway::Delivery>& list, const char* sink, const ops::Outbox* outbox) {
  if (outbox == nullptr) return;
  const ops::Outbox::Stats stats = outbox->stats();
  add(list, sink, stats.delivered, stats.failed, stats.dropped);
}

}  // namespace

Watchtower::Watchtower(const Ground& ground) : ground_(ground), host_(host_name()) {
  heads_->tower = this;
  alarms_ = std::make_unique<ops::AlarmBoard>(
      ground.clock, ground.random, [this](const ops::AlarmEvent& event) { tell(event); });
}

Watchtower::~Watchtower() {
  const std::lock_guard held(heads_->mutex);
  heads_->tower = nullptr;
}

Result<std::unique_ptr<Watchtower>> Watchtower::open(const Config& config, const Ground& ground) {
  std::unique_ptr<Watchtower> tower(new Watchtower(ground));
  if (!config.alarm_webhook.empty()) {
    ops::Outbox::Options options;
    options.name = "webhook";
    XC_TRY(options.address, ops::PostAddress::parse(config.alarm_webhook, "alarms.webhook"));
    if (!config.alarm_webhook_secret.empty()) {
      options.sign = [secret = config.alarm_webhook_secret, &clock = ground.clock](
                         const std::string& body, net::Headers& headers) {
        ops::sign_webhook(secret, clock.unix_ms() / 1000, body, headers);
      };
    }
    tower->webhook_ = std::make_unique<ops::Outbox>(ground.runtime, ground.client, options);
  }
  if (!config.alarm_syslog.empty()) {
    XC_TRY(ops::SyslogAddress address,
           ops::SyslogAddress::parse(config.alarm_syslog, "alarms.syslog"));
    tower->syslog_ = std::make_unique<ops::Syslog>(ground.runtime, ground.blocking, ground.client,
                                                   std::move(address));
  }
  if (!config.witness_url.empty()) {
    ops::Outbox::Options options;
    options.name = "witness";
    options.content_type = "text/plain";
    options.posts_max = limits::kWitnessQueueMax;
    XC_TRY(options.address, ops::PostAddress::parse(config.witness_url, "audit.witness_url"));
    tower->witness_url_ = std::make_unique<ops::Outbox>(ground.runtime, ground.client, options);
  }
  if (!config.witness_file.empty()) {
    tower->witness_file_ =
        std::make_unique<ops::WitnessFile>(ground.runtime, ground.blocking, config.witness_file);
  }
  if (!config.trace_otlp.empty()) {
    XC_TRY(ops::PostAddress address, ops::PostAddress::parse(config.trace_otlp, "tracing.otlp"));
    tower->tracer_ = std::make_unique<ops::Tracer>(
        ground.runtime, ground.client, std::move(address),
        ops::TraceResource{XC_VERSION, tower->host_}, config.trace_percent);
  }
  return tower;
}

std::function<void(const audit::SignedHead&)> Watchtower::witness() const {
  if (!witness_url_ && !witness_file_) return {};
  return [heads = heads_](const audit::SignedHead& head) {
    const std::lock_guard held(heads->mutex);
    if (heads->tower != nullptr) heads->tower->push(head);
  };
}

void Watchtower::push(const audit::SignedHead& head) {
  const std::string text = audit::text_of(head);
  if (witness_file_) witness_file_->put(text);
  if (witness_url_) witness_url_->put(text + "\n");
}

void Watchtower::watch(View view) {
  view_ = std::make_unique<View>(std::move(view));
  // The last process may have ended before its last head got away.
  const audit::SignedHead head = view_->books.log().head();
  if (head.size > 0) push(head);
}

void Watchtower::start(net::TaskGroup& tasks) {
  const boost::asio::any_io_executor home = ground_.runtime.executor(0);
  if (webhook_) tasks.spawn(home, [this] { return webhook_->run(); });
  if (syslog_) tasks.spawn(home, [this] { return syslog_->run(); });
  if (witness_url_) tasks.spawn(home, [this] { return witness_url_->run(); });
  if (witness_file_) tasks.spawn(home, [this] { return witness_file_->run(); });
  if (!tracer_) return;
  tasks.spawn(home, [this] { return tracer_->run(); });
  tasks.spawn(home, [this] { return tracer_->post(); });
}

// Under the board's lock: everything here is a few µs.
void Watchtower::tell(const ops::AlarmEvent& event) {
  const ops::Alarm& alarm = event.alarm;
  const ops::AlarmFacts& facts = ops::facts_of(alarm.kind);
  log::warn("alarm", "{} {} {} {}: {}", ops::name_of(event.change), ops::name_of(facts.severity),
            facts.runbook, alarm.id, ops::sentence_of(alarm, Language::En));
  if (webhook_) webhook_->put(ops::webhook_body(event, host_));
  if (syslog_) syslog_->put(ops::syslog_message(event, host_, ::getpid()));
  if (!view_) return;
  audit::RecordText record;
  record.text("event", fmt::format("alarm_{}", ops::name_of(event.change)))
      .text("id", alarm.id)
      .text("alarm", facts.name)
      .text("severity", ops::name_of(facts.severity))
      .text("subject", alarm.subject)
      .text("detail", alarm.detail);
  if (event.change == ops::AlarmChange::Acknowledged) record.text("by", alarm.acknowledged_by);
  const auto leaf = view_->books.log().notice(record.take());
  if (!leaf) log::warn("alarm", "{} has no audit record", alarm.id);
}

std::vector<gateway::Delivery> Watchtower::deliveries() const {
  std::vector<gateway::Delivery> list;
  add(list, "webhook", webhook_.get());
  add(list, "witness_url", witness_url_.get());
  if (syslog_) {
    const ops::Syslog::Stats stats = syslog_->stats();
    add(list, "syslog", stats.delivered, stats.failed, stats.dropped);
  }
  if (witness_file_) list.push_back({"witness_file", "delivered", witness_file_->stats().written});
  if (tracer_) {
    const ops::Tracer::Stats stats = tracer_->stats();
    list.push_back({"traces", "delivered", stats.batches_delivered});
    list.push_back({"traces", "failed", stats.batches_dropped});
    list.push_back({"spans", "dropped", stats.spans_dropped});
  }
  return list;
}

}  // namespace xc::app
