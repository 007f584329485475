#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "schema/anthropic_parts.h"
#include "schema/ollama.h"
#include "schema/render_parts.h"

namespace xc::schema::ollama {
namespace {

std::int64_t nanoseconds(double ms) {
  constexpr double kNanosecondsPerMs = 1e6;
  return static_cast<std::int64_t>(ms * kNanosecondsPerMs);
}

// A reply is a line. Within JSON's strings line ends are escaped: these are white space.
std::string on_one_line(std::string_view json) {
  std::string line(json);
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

std::string_view reason_of(Finish finish) {
  switch (finish) {
    case Finish::Length:
      return "length";
    case Finish::ContentFilter:
      return "content_filter";
    case Finish::Stop:
    case Finish::ToolCalls:  // Ollama's clients look for tool_calls, not for a reason
      break;
  }
  return "stop";
}

void begin(JsonWriter& w, std::string_view model, const Moment& now) {
  w.text("model", model);
  w.text("created_at", time_of(now.unix_ms));
}

void append_calls(std::string& out, const std::vector<ToolCall>& calls, std::size_t first) {
  out += '[';
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i > 0) out += ',';
    JsonWriter call(out);
    if (!calls[i].id.empty()) call.text("id", calls[i].id);
    JsonWriter function(call.key("function"));
    function.integer("index", static_cast<std::int64_t>(first + i));
    function.text("name", calls[i].name);
    function.raw("arguments", on_one_line(anthropic::input_of(calls[i].arguments)));
    function.end();
    call.end();
  }
  out += ']';
}

// The answer's text where the kind has it; `first`: the number of the first call.
void append_body(JsonWriter& w, Kind kind, const Choice& choice, std::size_t first) {
  if (kind == Kind::Generate) {
    w.text("response", choice.content);
    if (!choice.reasoning.empty()) w.text("thinking", choice.reasoning);
  } else {
    std::string& out = w.key("message");
    JsonWriter message(out);
    message.text("role", "assistant");
    message.text("content", choice.content);
    if (!choice.reasoning.empty()) message.text("thinking", choice.reasoning);
    if (!choice.tool_calls.empty()) {
      append_calls(message.key("tool_calls"), choice.tool_calls, first);
    }
    message.end();
  }
  if (!choice.logprobs.empty()) append_logprob_entries(w.key("logprobs"), choice.logprobs);
}

const Choice& first_of(const Collector& answer) {
  static const Choice kNone;
  return answer.choices().empty() ? kNone : answer.choices().front();
}

}  // namespace

std::optional<std::int64_t> duration_ms_of(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ms;
  };
  // "ms" before "m".
  constexpr Unit kUnits[] = {{"ms", 1},   {"ns", 1e-6},    {"us", 1e-3},      {"µs", 1e-3},
                             {"s", 1000}, {"m", 60'000.0}, {"h", 3'600'000.0}};
  constexpr double kMost = 1e15;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double total = 0;
  for (bool first = true; !text.empty(); first = false) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    constexpr std::size_t kDigitsMax = 18;
    if (digits == 0 || digits > kDigitsMax || text.front() == '.') return std::nullopt;
    if (std::ranges::count(text.substr(0, digits), '.') > 1) return std::nullopt;
    const double number = std::stod(std::string(text.substr(0, digits)));
    text.remove_prefix(digits);
    const auto unit =
        std::ranges::find_if(kUnits, [&text](const Unit& u) { return text.starts_with(u.name); });
    if (unit == std::end(kUnits) && !(first && text.empty())) return std::nullopt;
    total += number * (unit == std::end(kUnits) ? 1000 : unit->ms);  // a bare number is seconds
    if (unit != std::end(kUnits)) text.remove_prefix(unit->name.size());
  }
  if (total > kMost) return std::nullopt;
  return static_cast<std::int64_t>(std::llround(negative ? -total : total));
}

std::string time_of(std::int64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> when{milliseconds(unix_ms)};
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(when - day);
  char text[40];
  const int size = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return std::string(text, static_cast<std::size_t>(std::max(size, 0)));
}

Answer::Answer(Kind kind, bool stream, std::string model, Duration loading)
    : kind_(kind), stream_(stream), model_(std::move(model)), loading_(loading) {}

void Answer::line(const Choice& choice, const Moment& now, std::string& out) const {
  JsonWriter w(out);
  begin(w, model_, now);
  append_body(w, kind_, choice, calls_told_);
  w.flag("done", false);
  w.end();
  out += '\n';
}

// Those that are whole: a call ends where the next one begins, or the answer.
void Answer::tell_calls(std::size_t until, const Moment& now, std::string& out) {
  const std::vector<ToolCall>& all = first_of(kept_).tool_calls;
  if (until <= calls_told_) return;
  Choice told;
  told.tool_calls.assign(all.begin() + static_cast<std::ptrdiff_t>(calls_told_),
                         all.begin() + static_cast<std::ptrdiff_t>(until));
  line(told, now, out);
  calls_told_ = until;
}

void Answer::add(const Delta& delta, const Moment& now, std::string& out) {
  if (delta.usage) usage_ = *delta.usage;
  if (delta.timings) timings_ = delta.timings;
  if (delta.choice != 0 || delta.usage) return;
  const bool says = !delta.content.empty() || !delta.reasoning.empty() || !delta.logprobs.empty();
  if (says || !delta.tool_calls.empty()) {
    if (!first_) first_ = now.since;
    last_ = now.since;
  }
  if (delta.finish) finish_ = *delta.finish;
  if (!stream_) {
    kept_.add(delta);
    return;
  }
  if (says) {
    Choice piece;
    piece.content = delta.content;
    piece.reasoning = delta.reasoning;
    piece.logprobs = delta.logprobs;
    line(piece, now, out);
  }
  if (delta.tool_calls.empty()) return;
  Delta calls;
  calls.tool_calls = delta.tool_calls;
  kept_.add(calls);
  tell_calls(first_of(kept_).tool_calls.size() - 1, now, out);
}

void Answer::append_facts(JsonWriter& w, const Moment& now) const {
  const auto since = [](const std::optional<Duration>& a, Duration b) {
    return a ? std::max<std::int64_t>((*a - b).count(), 0) : 0;
  };
  const std::int64_t prompt =
      timings_ ? nanoseconds(timings_->prefill_ms) : since(first_, loading_);
  const std::int64_t rest =
      timings_ ? nanoseconds(timings_->decode_ms) : since(last_, first_.value_or(Duration{}));
  w.integer("total_duration", now.since.count());
  w.integer("load_duration", loading_.count());
  w.integer("prompt_eval_count", usage_.prompt_tokens);
  w.integer("prompt_eval_duration", prompt);
  w.integer("eval_count", usage_.completion_tokens);
  w.integer("eval_duration", rest);
}

void Answer::finish(const Moment& now, std::string& out) {
  if (stream_) tell_calls(first_of(kept_).tool_calls.size(), now, out);
  JsonWriter w(out);
  begin(w, model_, now);
  append_body(w, kind_, stream_ ? Choice() : first_of(kept_), 0);
  w.text("done_reason", reason_of(finish_));
  w.flag("done", true);
  append_facts(w, now);
  w.end();
  if (stream_) out += '\n';
}

std::string render_empty(Kind kind, std::string_view model, std::string_view reason,
                         const Moment& now) {
  std::string out;
  JsonWriter w(out);
  begin(w, model, now);
  append_body(w, kind, Choice(), 0);
  w.text("done_reason", reason);
  w.flag("done", true);
  w.end();
  return out;
}

std::string render_embed(std::string_view model, const Embeddings& answer) {
  std::string out;
  JsonWriter w(out);
  w.text("model", model);
  w.key("embeddings") += '[';
  for (std::size_t i = 0; i < answer.vectors.size(); ++i) {
    if (i > 0) out += ',';
    append_vector(out, answer.vectors[i]);
  }
  out += ']';
  w.integer("prompt_eval_count", answer.prompt_tokens);
  w.end();
  return out;
}

std::string render_embeddings(const Embeddings& answer) {
  std::string out;
  JsonWriter w(out);
  append_vector(w.key("embedding"),
                answer.vectors.empty() ? std::vector<float>() : answer.vectors[0]);
  w.end();
  return out;
}

void append_durations(std::string& object, Duration total, Duration loading) {
  object.pop_back();  // the brace
  object += R"(,"total_duration":)";
  append_number(object, std::int64_t{total.count()});
  object += R"(,"load_duration":)";
  append_number(object, std::int64_t{loading.count()});
  object += '}';
}

std::string render_error(const Error& error, Language language) {
  std::string out;
  JsonWriter w(out);
  w.text("error", text_of(error, language));
  w.end();
  return out;
}

}  // namespace xc::schema::ollama
