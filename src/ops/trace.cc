#include "ops/trace.h"

#include "base/limits.h"

namespace xc::ops {
namespace {

constexpr std::size_t kTraceparentBytes = 55;

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;  // lower case only
}

// False unless all are hex digits and, for identifiers, not all zero.
template <std::size_t N>
bool read_hex(std::string_view text, std::array<std::uint8_t, N>& out, bool zero_allowed) {
  bool zero = true;
  for (std::size_t i = 0; i < N; ++i) {
    const int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
    zero = zero && out[i] == 0;
  }
  return zero_allowed || !zero;
}

template <std::size_t N>
void append_hex(std::string& out, const std::array<std::uint8_t, N>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

template <std::size_t N>
std::array<std::uint8_t, N> random_bytes(RandomSource& random) {
  std::array<std::uint8_t, N> bytes;
  for (std::size_t i = 0; i < N; i += 8) {
    const std::uint64_t bits = random.next() | 1;  // never all zero
    for (std::size_t j = 0; j < 8; ++j) bytes[i + j] = static_cast<std::uint8_t>(bits >> (8 * j));
  }
  return bytes;
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kTraceparentBytes) return std::nullopt;
  std::array<std::uint8_t, 1> version{}, flags{};
  TraceParent parent;
  const bool good = text[2] == '-' && text[35] == '-' && text[52] == '-' &&
                    read_hex(text.substr(0, 2), version, true) &&
                    read_hex(text.substr(3, 32), parent.trace, false) &&
                    read_hex(text.substr(36, 16), parent.span, false) &&
                    read_hex(text.substr(53, 2), flags, true);
  if (!good || version[0] == 0xff) return std::nullopt;
  const bool longer = text.size() > kTraceparentBytes;
  if (longer && (version[0] == 0 || text[kTraceparentBytes] != '-')) return std::nullopt;
  parent.sampled = (flags[0] & 1) != 0;
  return parent;
}

std::string text_of(const TraceParent& parent) {
  std::string text = "00-";
  append_hex(text, parent.trace);
  text += '-';
  append_hex(text, parent.span);
  return text + (parent.sampled ? "-01" : "-00");
}

struct TraceParts {
  TraceParts(SpanSink& a_sink, const Clock& a_clock, RandomSource& a_random)
      : sink(a_sink),
        clock(a_clock),
        random(a_random),
        begun(clock.now()),
        begun_ns(clock.unix_ms() * 1'000'000) {}

  SpanSink& sink;
  const Clock& clock;
  RandomSource& random;
  const SteadyTime begun;
  const std::int64_t begun_ns;  // wall time once, then the steady clock: spans never run backwards
  std::vector<Span> spans;      // the first is the request's own
  std::vector<std::size_t> open;  // the innermost last

  std::int64_t now_ns() const { return begun_ns + (clock.now() - begun).count(); }
};

Trace::Trace(SpanSink* sink, const Clock& clock, RandomSource& random, std::string_view traceparent,
             std::string_view tracestate) {
  const std::optional<TraceParent> parent = parse_traceparent(traceparent);
  if (parent) incoming_ = traceparent;
  if (parent && tracestate.size() <= limits::kTraceStateBytesMax) state_ = tracestate;
  if (sink == nullptr) return;
  if (!(parent ? parent->sampled : sink->sample(random.next()))) return;
  parts_ = std::make_unique<TraceParts>(*sink, clock, random);
  Span own;
  own.self.trace = parent ? parent->trace : random_bytes<16>(random);
  own.self.span = random_bytes<8>(random);
  own.self.sampled = true;
  if (parent) own.parent = parent->span;
  own.state = state_;
  own.kind = Span::Kind::Server;
  own.start_ns = parts_->begun_ns;
  parts_->spans.push_back(std::move(own));
  parts_->open.push_back(0);
}

Trace::Trace() = default;
Trace::Trace(Trace&&) noexcept = default;
Trace& Trace::operator=(Trace&&) noexcept = default;
Trace::~Trace() { end("request", 0, {}, {}); }

Trace::Stage Trace::stage(std::string_view name, Span::Kind kind) {
  Stage stage;
  if (!parts_ || parts_->spans.size() >= limits::kSpansPerRequestMax) return stage;
  Span span;
  span.self = parts_->spans.front().self;
  span.self.span = random_bytes<8>(parts_->random);
  span.parent = parts_->spans[parts_->open.back()].self.span;
  span.name = name;
  span.kind = kind;
  span.start_ns = parts_->now_ns();
  stage.trace_ = parts_.get();
  stage.index_ = parts_->spans.size();
  parts_->open.push_back(stage.index_);
  parts_->spans.push_back(std::move(span));
  return stage;
}

void Trace::Stage::fail() {
  if (trace_ != nullptr) trace_->spans[index_].failed = true;
}

void Trace::Stage::end() {
  if (trace_ == nullptr) return;
  trace_->spans[index_].end_ns = trace_->now_ns();
  std::erase(trace_->open, index_);
  trace_ = nullptr;
}

void Trace::end(std::string name, int status,
                std::vector<std::pair<std::string, std::string>> texts,
                std::vector<std::pair<std::string, std::int64_t>> numbers) {
  if (!parts_) return;
  const std::int64_t now = parts_->now_ns();
  for (Span& span : parts_->spans) {
    if (span.end_ns == 0) span.end_ns = now;
  }
  Span& own = parts_->spans.front();
  own.name = std::move(name);
  own.texts = std::move(texts);
  own.numbers = std::move(numbers);
  own.failed = status >= 500;  // of a server span the client's mistakes are no failure
  parts_->sink.take(std::move(parts_->spans));
  parts_.reset();
}

std::string Trace::traceparent() const {
  if (!parts_) return incoming_;
  return text_of(parts_->spans[parts_->open.back()].self);
}

}  // namespace xc::ops
