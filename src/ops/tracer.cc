#include "ops/tracer.h"

#include "base/limits.h"

namespace xc::ops {
namespace {

Outbox::Options options_for(PostAddress collector) {
  Outbox::Options options;
  options.name = "traces";
  options.address = std::move(collector);
  options.posts_max = limits::kSpanPostsMax;
  options.tries_max = 3;  // what is old is of little use
  return options;
}

}  // namespace

Tracer::Tracer(net::Runtime& runtime, net::Client& client, PostAddress collector,
               TraceResource resource, int percent)
    : resource_(std::move(resource)),
      percent_(percent),
      outbox_(runtime, client, options_for(std::move(collector))) {}

void Tracer::take(std::vector<Span> spans) {
  const std::lock_guard held(mutex_);
  if (waiting_.size() + spans.size() > limits::kSpanQueueMax) {
    dropped_ += spans.size();
    return;
  }
  for (Span& span : spans) waiting_.push_back(std::move(span));
}

bool Tracer::sample(std::uint64_t random) const {
  return static_cast<int>(random % 100) < percent_;
}

std::vector<Span> Tracer::next_batch() {
  const std::lock_guard held(mutex_);
  std::vector<Span> batch;
  while (!waiting_.empty() && batch.size() < limits::kSpanBatchMax) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return batch;
}

Task<void> Tracer::run() {
  for (;;) {
    Task<void> pause = net::sleep_for(limits::kSpanInterval);
    co_await std::move(pause);
    for (;;) {
      const std::vector<Span> batch = next_batch();
      if (batch.empty()) break;
      outbox_.put(otlp_body(batch, resource_));
      if (batch.size() < limits::kSpanBatchMax) break;
    }
  }
}

Task<void> Tracer::post() { return outbox_.run(); }

Tracer::Stats Tracer::stats() const {
  const Outbox::Stats posts = outbox_.stats();
  const std::lock_guard held(mutex_);
  return {posts.delivered, posts.dropped + posts.failed, dropped_};
}

}  // namespace xc::ops
