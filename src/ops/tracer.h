// Collects spans and posts them to an OpenTelemetry collector in batches.
#pragma once

#include <deque>
#include <mutex>

#include "ops/otlp.h"
#include "ops/outbox.h"

namespace xc::ops {

// take(), sample() and stats() are thread-safe. Bounded twice: spans that wait for a batch and
// batches that wait for the collector; what finds no room is counted, requests never wait.
class Tracer final : public SpanSink {
 public:
  struct Stats {
    std::uint64_t batches_delivered = 0, batches_dropped = 0;
    std::uint64_t spans_dropped = 0;  // before they were in a batch
  };
  // percent: of the requests whose caller made no choice. The references outlive it.
  Tracer(net::Runtime& runtime, net::Client& client, PostAddress collector, TraceResource resource,
         int percent);

  void take(std::vector<Span> spans) override;
  bool sample(std::uint64_t random) const override;
  Task<void> run();   // batches; until the task is cancelled
  Task<void> post();  // the collector; another task
  Stats stats() const;

 private:
  std::vector<Span> next_batch();

  const TraceResource resource_;
  const int percent_;
  Outbox outbox_;
  mutable std::mutex mutex_;
  std::deque<Span> waiting_;
  std::uint64_t dropped_ = 0;
};

}  // namespace xc::ops
