#include "identity/quota_terms.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace xc::identity {
namespace {

constexpr std::array<std::string_view, kScopes> kScopeNames{"key", "workspace", "tenant", "model"};
constexpr std::array<std::string_view, kMeters> kMeterNames{
    "requests_per_minute", "tokens_per_minute",    "tokens_per_day", "tokens_per_month",
    "micro_yuan_per_day",  "micro_yuan_per_month", "concurrency"};

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kBeijingMs = 8 * 3'600'000;
constexpr std::int64_t kTokensMax = 1'000'000'000'000;
constexpr std::int64_t kMillion = 1'000'000;

template <typename T, std::size_t N>
std::optional<T> index_of(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) return std::nullopt;
  return static_cast<T>(at - names.begin());
}

std::int64_t bounded(std::int64_t tokens) {
  return std::clamp<std::int64_t>(tokens, 0, kTokensMax);
}

}  // namespace

std::string_view name_of(Scope scope) { return kScopeNames[static_cast<std::size_t>(scope)]; }
std::string_view name_of(Meter meter) { return kMeterNames[static_cast<std::size_t>(meter)]; }
std::optional<Scope> scope_of(std::string_view name) { return index_of<Scope>(kScopeNames, name); }
std::optional<Meter> meter_of(std::string_view name) { return index_of<Meter>(kMeterNames, name); }

std::int64_t cost_of(const Price& price, const Tokens& tokens) {
  const std::int64_t prompt = bounded(tokens.prompt);
  const std::int64_t cached = std::min(bounded(tokens.cached), prompt);
  const auto times = [](std::int64_t count, std::int64_t each) {
    return static_cast<__int128>(count) * std::clamp<std::int64_t>(each, 0, kPriceMax);
  };
  const __int128 sum = times(prompt - cached, price.input) + times(cached, price.cached) +
                       times(bounded(tokens.completion), price.output);
  const __int128 micro = (sum + (kMillion - 1)) / kMillion;
  return static_cast<std::int64_t>(std::min<__int128>(micro, kGrantedMax));
}

Tokens billed(const Progress& progress, const Tokens& estimate) {
  if (progress.reported) {
    const Tokens& said = *progress.reported;
    // An endpoint that reports nonsense is not believed beyond what was seen.
    const std::int64_t prompt = bounded(said.prompt);
    return Tokens{prompt, std::min(bounded(said.cached), prompt), bounded(said.completion)};
  }
  // Nothing came: nothing is billed, whoever broke it off.
  if (progress.streamed <= 0 && !progress.finished) return {};
  const std::int64_t prompt =
      progress.prompt > 0 ? bounded(progress.prompt) : bounded(estimate.prompt);
  return Tokens{prompt, std::min(bounded(progress.cached), prompt), bounded(progress.streamed)};
}

std::int64_t day_of(std::int64_t unix_ms) {
  const std::int64_t local = unix_ms + kBeijingMs;
  return local >= 0 ? local / kDayMs : -((-local + kDayMs - 1) / kDayMs);
}

std::int64_t month_of_day(std::int64_t day) {
  using namespace std::chrono;
  const year_month_day date{sys_days(days(day))};
  return std::int64_t{static_cast<int>(date.year())} * 12 +
         static_cast<std::int64_t>(static_cast<unsigned>(date.month())) - 1;
}

std::int64_t unix_ms_of_day(std::int64_t day) { return day * kDayMs - kBeijingMs; }

std::int64_t unix_ms_of_month(std::int64_t month_number) {
  using namespace std::chrono;
  const sys_days first{year(static_cast<int>(month_number / 12)) /
                       month(static_cast<unsigned>(month_number % 12 + 1)) / day(1)};
  return unix_ms_of_day(first.time_since_epoch().count());
}

}  // namespace xc::identity
