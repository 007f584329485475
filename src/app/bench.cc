// One stream: TTFT from sending the request to the first token; prefill = prompt tokens that were
// computed ÷ TTFT; decode = tokens after the first ÷ time after the first. N streams at once:
// tokens after the firsts ÷ time from the first token of any to the last of all. Every prompt
// begins with its own number, so that no cached prefix helps; ignore_eos fixes the length.
#include "app/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/text.h"
#include "base/id.h"
#include "schema/openai.h"

namespace xc::app {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// About one token a word in every vocabulary that has the common English words.
std::string prompt_of(int tokens, std::uint64_t number) {
  constexpr std::string_view kWords[] = {" the", " time", " of", " day", " and",   " night",
                                         " is",  " long", " in", " the", " north", " land"};
  std::string text = fmt::format("{:016x}", number);
  for (int i = 12; i < tokens; ++i) text += kWords[static_cast<std::size_t>(i) % 12];
  return text;
}

std::string body_of(const BenchPlan& plan, int prompt_tokens, int tokens) {
  static SystemRandom random;
  schema::CompletionRequest request;
  request.model = plan.model;
  request.prompts.push_back(schema::Prompt{prompt_of(prompt_tokens, random.next()), {}});
  request.max_tokens = tokens;
  request.stream = true;
  request.include_usage = true;
  request.ignore_eos = true;
  request.sampling.temperature = 0;
  return schema::render(request);
}

struct Shared {
  const ApiClient& api;
  SteadyClock::time_point start;
  std::vector<StreamTimes> times;
  Status status;
  std::size_t running = 0;
  std::function<void()> wake;  // called by the last stream to end
};

// Counts a stream out however it ends.
struct Leave {
  Shared& shared;
  ~Leave() {
    if (--shared.running == 0 && shared.wake) shared.wake();
  }
};

Task<void> one_stream(net::Client& client, Shared& shared, std::string body, std::size_t index) {
  const Leave leave{shared};
  StreamTimes times;
  times.sent = seconds_since(shared.start);
  const OnEvent on_event = [&times, &shared](std::string_view data) {
    const double now = seconds_since(shared.start);
    const Result<std::vector<schema::Delta>> deltas = schema::parse_completion_chunk(data);
    if (!deltas) return true;
    for (const schema::Delta& delta : *deltas) {
      if (delta.usage) {
        times.prompt_tokens = delta.usage->prompt_tokens;
        times.cached_tokens = delta.usage->cached_tokens;
        times.completion_tokens = delta.usage->completion_tokens;
        continue;
      }
      if (times.first == 0) times.first = now;
      times.last = now;
    }
    return true;
  };
  Task<Status> streaming =
      shared.api.stream_on(client, "/v1/completions", std::move(body), on_event);
  Status status = co_await std::move(streaming);
  if (!status && shared.status) shared.status = std::move(status);
  shared.times[index] = times;
}

Result<std::vector<StreamTimes>> measure(const ApiClient& api, const BenchPlan& plan, int streams,
                                         int prompt_tokens, int tokens) {
  Shared shared{api, SteadyClock::now(), {}, {}, 0, {}};
  shared.times.resize(static_cast<std::size_t>(streams));
  const auto work = [&](net::Runtime& runtime, net::Client& client) -> Task<void> {
    net::TaskGroup group("bench");
    net::Notifier ended(runtime.executor(0));
    shared.running = shared.times.size();
    shared.wake = ended.waker();
    for (std::size_t i = 0; i < shared.times.size(); ++i) {
      std::string body = body_of(plan, prompt_tokens, tokens);
      group.spawn(runtime.executor(0), [&client, &shared, body = std::move(body), i] {
        return one_stream(client, shared, body, i);
      });
    }
    Task<bool> waiting = ended.wait(Deadline::never());
    co_await std::move(waiting);
  };
  if (!run_loop(work)) return fail(Code::Cancelled, Message::ClientGone);
  if (!shared.status) return std::unexpected(std::move(shared.status.error()));
  return std::move(shared.times);
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

double decode_rate(const std::vector<StreamTimes>& streams) {
  if (streams.empty()) return 0;
  double first = streams.front().first, last = 0;
  std::int64_t tokens = 0;
  for (const StreamTimes& stream : streams) {
    first = std::min(first, stream.first);
    last = std::max(last, stream.last);
    tokens += std::max<std::int64_t>(stream.completion_tokens - 1, 0);
  }
  return last > first ? static_cast<double>(tokens) / (last - first) : 0;
}

Result<BenchResult> run_bench(const ApiClient& api, const BenchPlan& plan, Language language) {
  fmt::print(stderr, "{}\n", texts::BenchWarm.in(language));
  XC_TRY(const std::vector<StreamTimes> warm, measure(api, plan, 1, 32, 8));
  std::vector<double> ttft, prefill, one, many;
  fmt::print(stderr, "{}\n", say<texts::BenchRunning>(language, 1));
  for (int i = 0; i < plan.repeats; ++i) {
    XC_TRY(const std::vector<StreamTimes> times,
           measure(api, plan, 1, plan.prompt_tokens, plan.tokens));
    const StreamTimes& stream = times.front();
    const double seconds = stream.first - stream.sent;
    ttft.push_back(seconds * 1000);
    const auto computed = static_cast<double>(stream.prompt_tokens - stream.cached_tokens);
    prefill.push_back(seconds > 0 ? computed / seconds : 0);
    one.push_back(decode_rate(times));
  }
  fmt::print(stderr, "{}\n", say<texts::BenchRunning>(language, plan.streams));
  for (int i = 0; i < plan.repeats; ++i) {
    XC_TRY(const std::vector<StreamTimes> times, measure(api, plan, plan.streams, 32, plan.tokens));
    many.push_back(decode_rate(times));
  }
  return BenchResult{spread_of(ttft), spread_of(prefill), spread_of(one), spread_of(many)};
}

}  // namespace xc::app
