// One request's trace: W3C Trace Context in and out, and a span for each stage.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace xc::ops {

struct TraceParts;

// The header `traceparent`: "00-TRACE-PARENT-FLAGS" (W3C Trace Context §3.2).
struct TraceParent {
  std::array<std::uint8_t, 16> trace{};
  std::array<std::uint8_t, 8> span{};
  bool sampled = false;
};
// Nothing when it is not valid, which the specification says to treat as absent. Of later versions
// the known part is read.
std::optional<TraceParent> parse_traceparent(std::string_view text);
std::string text_of(const TraceParent& parent);

// As OTLP has it; times in Unix nanoseconds.
struct Span {
  enum class Kind : std::uint8_t { Internal = 1, Server = 2, Client = 3 };
  TraceParent self;
  std::array<std::uint8_t, 8> parent{};  // zeros: a root
  std::string state;                     // tracestate
  std::string name;
  Kind kind = Kind::Internal;
  std::int64_t start_ns = 0, end_ns = 0;
  std::vector<std::pair<std::string, std::string>> texts;  // attributes
  std::vector<std::pair<std::string, std::int64_t>> numbers;
  bool failed = false;
};

// Takes the spans of a request when it has ended.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  // Thread-safe; never waits.
  virtual void take(std::vector<Span> spans) = 0;
  // Whether to record a request that nobody decided for.
  virtual bool sample(std::uint64_t random) const = 0;
};

// Lives on the request's thread. Without a sink nothing is recorded, and what came in goes out
// unchanged. Moving keeps stages valid.
class Trace {
 public:
  Trace();
  // sink: null when traces are off; it, the clock and the source outlive the trace.
  Trace(SpanSink* sink, const Clock& clock, RandomSource& random, std::string_view traceparent,
        std::string_view tracestate);
  Trace(Trace&&) noexcept;
  Trace& operator=(Trace&&) noexcept;
  ~Trace();  // end() without more to say, when that was not called

  // A stage of the request, from here to the end of the scope.
  class Stage {
   public:
    Stage() = default;
    Stage(Stage&& other) noexcept : trace_(std::exchange(other.trace_, nullptr)) {
      index_ = other.index_;
    }
    Stage& operator=(Stage&&) = delete;
    ~Stage() { end(); }
    void fail();  // it did not succeed
    void end();

   private:
    friend class Trace;
    TraceParts* trace_ = nullptr;
    std::size_t index_ = 0;
  };
  Stage stage(std::string_view name, Span::Kind kind = Span::Kind::Internal);
  bool recording() const { return parts_ != nullptr; }

  // What the request as a whole is. `name`: "POST /v1/chat/completions".
  void end(std::string name, int status, std::vector<std::pair<std::string, std::string>> texts,
           std::vector<std::pair<std::string, std::int64_t>> numbers);
  // For requests to others: headers traceparent and tracestate; empty: none. The parent is the
  // stage that is open now.
  std::string traceparent() const;
  const std::string& tracestate() const { return state_; }

 private:
  std::unique_ptr<TraceParts> parts_;  // null: not recorded
  std::string incoming_;               // as it came, when it is valid
  std::string state_;
};

}  // namespace xc::ops
