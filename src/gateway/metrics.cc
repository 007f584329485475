#include "gateway/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "gateway/books.h"
#include "gateway/engine_series.h"
#include "gateway/operations.h"

namespace xc::gateway {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

// From a cached prompt on a fast card to a cold load of a large model.
const Buckets kLongSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                           2.5,   5,    10,    30,   60,  120,  300};
// From 1,000 tokens a second to a stall.
const Buckets kGapSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};

// A total that somebody else counts.
void catch_up(Counter& counter, std::uint64_t total) {
  const double behind = static_cast<double>(total) - counter.Value();
  if (behind > 0) counter.Increment(behind);
}

}  // namespace

struct Metrics::Parts {
  prometheus::Registry registry;

  Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  Family<Counter>& requests =
      counter("xingcha_requests_total", "Requests by model, route and status.");
  Family<Counter>& tokens = counter("xingcha_tokens_total",
                                    "Tokens by model, route and kind; cached is a part of prompt.");
  Family<Histogram>& queue = histogram(
      "xingcha_queue_seconds", "Wait for a ready worker (loading included) and in its queue.");
  Family<Histogram>& first_token = histogram("xingcha_time_to_first_token_seconds",
                                             "From the request's arrival to the first token.");
  Family<Histogram>& gap =
      histogram("xingcha_time_between_tokens_seconds", "Between tokens of one stream.");
  Family<Histogram>& whole =
      histogram("xingcha_request_seconds", "From the request's arrival to its end.");
  Family<Gauge>& alarms = gauge("xingcha_alarms", "Active alarms by kind and severity.");
  Family<Gauge>& unacknowledged =
      gauge("xingcha_alarms_unacknowledged", "Active alarms that nobody acknowledged.");
  Family<Counter>& deliveries = counter(
      "xingcha_deliveries_total", "Alarms, traces and audit heads handed to others, by outcome.");
  Gauge& in_flight = gauge("xingcha_requests_in_flight", "Requests that run now.").Add({});
  Gauge& connections = gauge("xingcha_connections", "Open connections of clients.").Add({});
  Counter& connections_total =
      counter("xingcha_connections_total", "Connections accepted.").Add({});
  Counter& refused_total =
      counter("xingcha_http_refused_total",
              "Requests refused by the HTTP server: bad HTTP, limits, time-outs.")
          .Add({});
  Counter& retried = counter("xingcha_upstream_retries_total",
                             "Requests sent again because a worker died before its first token.")
                         .Add({});
  Counter& handovers =
      counter("xingcha_handovers_total", "Answers that a worker handed over to the next one.")
          .Add({});
  Counter& continuations =
      counter("xingcha_continuations_total",
              "Streams that broke off at an endpoint and that another one was asked to go on with.")
          .Add({});
  Family<Counter>& hedges = counter("xingcha_hedges_total",
                                    "Requests sent to a second endpoint too, by the one that won.");
  Family<Counter>& quota_refusals =
      counter("xingcha_quota_refused_total", "Requests that a limit refused.");
  Family<Gauge>& quota =
      gauge("xingcha_quota",
            "Sums of accounts with a limit: reserved + settled + remaining + elsewhere (with other "
            "gateways, or not leased yet) = granted.");
  Gauge& quota_conserved =
      gauge("xingcha_quota_conserved", "1 while the sums of every account are right.").Add({});
  Gauge& quota_open = gauge("xingcha_quota_reservations", "Reservations that are open.").Add({});
  Counter& audit_leaves =
      counter("xingcha_audit_leaves_total", "Leaves of the audit log, on disk and signed.").Add({});
  Counter& audit_syncs =
      counter("xingcha_audit_syncs_total", "Group commits of the audit log.").Add({});
  Counter& audit_failures =
      counter("xingcha_audit_write_failures_total", "Writes of the audit log that failed.").Add({});
  Gauge& audit_failing =
      gauge("xingcha_audit_failing", "1 while the audit log cannot be written.").Add({});
  Family<Gauge>& workers = gauge("xingcha_workers", "Models by state of their worker.");
  Family<Gauge>& worker_in_flight =
      gauge("xingcha_worker_in_flight", "Requests in a model's worker.");
  Family<Gauge>& worker_bytes =
      gauge("xingcha_worker_resident_bytes", "Resident memory of a model's worker.");
  Family<Counter>& worker_restarts =
      counter("xingcha_worker_restarts_total", "Restarts of a model's worker after it died.");

  Family<Counter>& endpoint_requests = counter(
      "xingcha_endpoint_requests_total", "Requests sent to an endpoint of a pool, by outcome.");
  Family<Counter>& endpoint_openings =
      counter("xingcha_endpoint_openings_total", "How often an endpoint's circuit opened.");
  Family<Gauge>& endpoint_open =
      gauge("xingcha_endpoint_open", "1 while an endpoint's circuit is open, 0.5 on trial.");
  Family<Gauge>& endpoint_down =
      gauge("xingcha_endpoint_down", "1 while probes find an endpoint down.");
  Family<Gauge>& endpoint_running =
      gauge("xingcha_endpoint_in_flight", "Requests at an endpoint now.");
  Family<Gauge>& endpoint_outstanding =
      gauge("xingcha_endpoint_outstanding_tokens",
            "Tokens that were asked of an endpoint and not ended.");
  std::mutex endpoints_mutex;
  std::vector<Gauge*> endpoint_gauges;  // of the last scrape; under endpoints_mutex

  std::mutex ledger_mutex;
  std::optional<SteadyTime> ledger_walked;  // when last; under ledger_mutex

  std::mutex engines_mutex;  // one scrape at a time
  std::map<std::string, std::map<std::string, double, std::less<>>> engine_totals;  // as last seen

  std::mutex mutex;  // for the map of series: the fast way around building label sets
  using Pair = std::tuple<std::string, std::string>;         // model, route
  using Triple = std::tuple<std::string, std::string, int>;  // and status
  std::map<Pair, Series, std::less<>> series;
  struct Ended {
    Counter* requests = nullptr;
    Histogram* seconds = nullptr;
  };
  std::map<Triple, Ended, std::less<>> ended;
  Ended ended_of(std::string_view model, std::string_view route, int status);

  void show(const std::vector<fleet::ModelStatus>& now);
  void show(const identity::QuotaLedger::Audit& ledger);
  void add_engine_total(const EngineSeries& row, const prometheus::Labels& labels, double total,
                        double& before);
};

// A total that falls began anew: with a new process.
void Metrics::Parts::add_engine_total(const EngineSeries& row, const prometheus::Labels& labels,
                                      double total, double& before) {
  const double more = total < before ? total : total - before;
  before = total;
  counter(row.name, row.help).Add(labels).Increment(std::max(more, 0.0) * row.factor);
}

void Metrics::Parts::show(const std::vector<fleet::ModelStatus>& now) {
  using fleet::State;
  for (const State state : {State::Available, State::Loading, State::Ready, State::Draining,
                            State::BackingOff, State::Failed}) {
    const auto count = std::ranges::count(now, state, &fleet::ModelStatus::state);
    workers.Add({{"state", std::string(name_of(state))}}).Set(static_cast<double>(count));
  }
  for (const fleet::ModelStatus& worker : now) {
    const prometheus::Labels labels{{"model", worker.name}};
    worker_in_flight.Add(labels).Set(worker.in_flight);
    worker_bytes.Add(labels).Set(static_cast<double>(worker.resident_bytes));
    catch_up(worker_restarts.Add(labels), static_cast<std::uint64_t>(worker.restarts));
  }
}

void Metrics::Parts::show(const identity::QuotaLedger::Audit& ledger) {
  quota_conserved.Set(ledger.conserved ? 1 : 0);
  quota_open.Set(static_cast<double>(ledger.open));
  for (std::size_t s = 0; s < identity::kScopes; ++s) {
    for (std::size_t m = 0; m < identity::kMeters; ++m) {
      const identity::QuotaLedger::Sums& sums = ledger.sums[s][m];
      prometheus::Labels labels{{"scope", std::string(name_of(static_cast<identity::Scope>(s)))},
                                {"meter", std::string(name_of(static_cast<identity::Meter>(m)))}};
      const auto set = [&](const char* part, std::int64_t value) {
        labels["part"] = part;
        quota.Add(labels).Set(static_cast<double>(value));
      };
      set("granted", sums.granted);
      set("reserved", sums.reserved);
      set("settled", sums.settled);
      set("remaining", sums.remaining);
      set("elsewhere", sums.elsewhere);
    }
  }
}

void Series::queued(double seconds) { queue_->Observe(seconds); }
void Series::first_token(double seconds) { first_token_->Observe(seconds); }
void Series::gap(double seconds, int tokens) {
  for (int i = 0; i < tokens; ++i) gap_->Observe(seconds);
}
void Series::spent(const schema::Usage& usage) {
  prompt_->Increment(static_cast<double>(usage.prompt_tokens));
  cached_->Increment(static_cast<double>(usage.cached_tokens));
  completion_->Increment(static_cast<double>(usage.completion_tokens));
}

Metrics::Metrics(std::string_view version) : parts_(std::make_shared<Parts>()) {
  parts_->gauge("xingcha_build_info", "Always 1; the version is a label.")
      .Add({{"version", std::string(version)}})
      .Set(1);
  parts_->quota_conserved.Set(1);  // of no account, until the first walk
}
Metrics::~Metrics() = default;

Metrics::Parts::Ended Metrics::Parts::ended_of(std::string_view model, std::string_view route,
                                               int status) {
  const std::lock_guard lock(mutex);
  const auto known = ended.find(std::tuple(model, route, status));
  if (known != ended.end()) return known->second;
  const prometheus::Labels labels{{"model", std::string(model)}, {"route", std::string(route)}};
  prometheus::Labels with_status = labels;
  with_status.emplace("status", std::to_string(status));
  const Ended fresh{&requests.Add(with_status), &whole.Add(labels, kLongSeconds)};
  ended[Triple(model, route, status)] = fresh;
  return fresh;
}

Series& Metrics::series(std::string_view model, std::string_view route) {
  const std::lock_guard lock(parts_->mutex);
  const auto known = parts_->series.find(std::tuple(model, route));
  if (known != parts_->series.end()) return known->second;
  Series& series = parts_->series[Parts::Pair(model, route)];
  const prometheus::Labels labels{{"model", std::string(model)}, {"route", std::string(route)}};
  const auto tokens = [&](const char* kind) {
    prometheus::Labels with_kind = labels;
    with_kind.emplace("kind", kind);
    return &parts_->tokens.Add(with_kind);
  };
  series.queue_ = &parts_->queue.Add(labels, kLongSeconds);
  series.first_token_ = &parts_->first_token.Add(labels, kLongSeconds);
  series.gap_ = &parts_->gap.Add(labels, kGapSeconds);
  series.prompt_ = tokens("prompt");
  series.cached_ = tokens("cached");
  series.completion_ = tokens("completion");
  return series;
}

void Metrics::request_begun() { parts_->in_flight.Increment(); }

void Metrics::request_ended(std::string_view model, std::string_view route, int status,
                            double seconds) {
  const Parts::Ended ended = parts_->ended_of(model, route, status);
  ended.requests->Increment();
  ended.seconds->Observe(seconds);
  parts_->in_flight.Decrement();
}

void Metrics::upstream_retried() { parts_->retried.Increment(); }
void Metrics::handed_over() { parts_->handovers.Increment(); }
void Metrics::hedged(bool second_won) {
  parts_->hedges.Add({{"winner", second_won ? "second" : "first"}}).Increment();
}
void Metrics::continued() { parts_->continuations.Increment(); }

void Metrics::quota_refused(std::string_view scope, std::string_view meter) {
  parts_->quota_refusals.Add({{"scope", std::string(scope)}, {"meter", std::string(meter)}})
      .Increment();
}

std::function<void()> Metrics::ledger_walk(Books& books, SteadyTime now) {
  const std::lock_guard lock(parts_->ledger_mutex);
  std::optional<SteadyTime>& walked = parts_->ledger_walked;
  if (walked && now - *walked < limits::kLedgerAuditFresh) return {};
  walked = now;
  return [parts = parts_, &books] { parts->show(books.ledger().audit()); };
}

void Metrics::audit_log(Books& books) {
  const audit::Log::Stats log = books.log().stats();
  catch_up(parts_->audit_leaves, log.committed);
  catch_up(parts_->audit_syncs, log.syncs);
  catch_up(parts_->audit_failures, log.failures);
  parts_->audit_failing.Set(log.failing ? 1 : 0);
}

void Metrics::operations(const Operations& operations) {
  if (operations.alarms != nullptr) {
    std::map<ops::AlarmKind, int> active;
    int unacknowledged = 0;
    for (const ops::Alarm& alarm : operations.alarms->active()) {
      ++active[alarm.kind];
      if (alarm.acknowledged_unix_ms == 0) ++unacknowledged;
    }
    for (const ops::AlarmFacts& facts : ops::alarm_table()) {
      const prometheus::Labels labels{{"alarm", std::string(facts.name)},
                                      {"severity", std::string(ops::name_of(facts.severity))}};
      parts_->alarms.Add(labels).Set(active[facts.kind]);
    }
    parts_->unacknowledged.Add({}).Set(unacknowledged);
  }
  if (!operations.deliveries) return;
  for (const Delivery& delivery : operations.deliveries()) {
    catch_up(parts_->deliveries.Add({{"sink", delivery.sink}, {"outcome", delivery.outcome}}),
             delivery.count);
  }
}

void Metrics::engines(
    const std::map<std::string, std::map<std::string, double, std::less<>>>& now) {
  const std::lock_guard lock(parts_->engines_mutex);
  for (const auto& [model, numbers] : now) parts_->engine_totals.try_emplace(model);
  for (auto& [model, before] : parts_->engine_totals) {
    const auto here = now.find(model);
    for (const EngineSeries& row : kEngineSeries) {
      prometheus::Labels labels{{"model", model}};
      if (*row.label != 0) labels.emplace(row.label, row.value);
      double value = 0;
      bool known = false;
      if (here != now.end()) {
        const auto number = here->second.find(row.number);
        known = number != here->second.end();
        if (known) value = number->second;
      }
      if (!row.total) {
        parts_->gauge(row.name, row.help).Add(labels).Set(value * row.factor);
      } else if (known) {
        parts_->add_engine_total(row, labels, value, before[row.number]);
      }
    }
  }
}

void Metrics::endpoints(const std::vector<fleet::EndpointStatus>& now) {
  const std::lock_guard hold(parts_->endpoints_mutex);
  for (Gauge* gauge : parts_->endpoint_gauges) gauge->Set(0);
  parts_->endpoint_gauges.clear();
  for (const fleet::EndpointStatus& one : now) {
    const prometheus::Labels labels{{"pool", one.row.pool}, {"endpoint", one.row.name}};
    const std::pair<fleet::Outcome, std::uint64_t> outcomes[]{{fleet::Outcome::Done, one.done},
                                                              {fleet::Outcome::Failed, one.failed},
                                                              {fleet::Outcome::Busy, one.busy},
                                                              {fleet::Outcome::Left, one.left}};
    for (const auto& [outcome, total] : outcomes) {
      prometheus::Labels with = labels;
      with["outcome"] = name_of(outcome);
      catch_up(parts_->endpoint_requests.Add(with), total);
    }
    catch_up(parts_->endpoint_openings.Add(labels), static_cast<std::uint64_t>(one.openings));
    const auto set = [&](Family<Gauge>& family, double value) {
      family.Add(labels).Set(value);
      parts_->endpoint_gauges.push_back(&family.Add(labels));
    };
    const bool closed = one.breaker == fleet::Breaker::State::Closed;
    const bool open = one.breaker == fleet::Breaker::State::Open;
    set(parts_->endpoint_open, closed ? 0 : open ? 1 : 0.5);
    set(parts_->endpoint_down, one.down ? 1 : 0);
    set(parts_->endpoint_running, one.running);
    set(parts_->endpoint_outstanding, static_cast<double>(one.outstanding));
  }
}

std::string Metrics::text(const std::vector<fleet::ModelStatus>& workers,
                          const net::Server::Counters& connections) {
  parts_->connections.Set(static_cast<double>(connections.connections_open));
  catch_up(parts_->connections_total, connections.connections_total);
  catch_up(parts_->refused_total, connections.refused_total);
  parts_->show(workers);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, parts_->registry.Collect());
  return out.str();
}

}  // namespace xc::gateway
