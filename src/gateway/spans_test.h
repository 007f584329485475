// What the tests of traces look at.
#pragma once

#include <mutex>
#include <vector>

#include "ops/trace.h"

namespace xc::gateway {

// A collector of traces that keeps what it gets; nothing is recorded that the caller did not ask
// for.
class KeptSpans final : public ops::SpanSink {
 public:
  void take(std::vector<ops::Span> spans) override {
    const std::lock_guard held(mutex_);
    kept_.push_back(std::move(spans));
  }
  bool sample(std::uint64_t) const override { return false; }
  std::vector<std::vector<ops::Span>> kept() const {
    const std::lock_guard held(mutex_);
    return kept_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<ops::Span>> kept_;
};

}  // namespace xc::gateway
