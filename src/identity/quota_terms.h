// The words of quotas: what is counted, for whom, at which price. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace xc::identity {

enum class Scope : std::uint8_t { Key, Workspace, Tenant, Model };
inline constexpr std::size_t kScopes = 4;
std::string_view name_of(Scope scope);  // "key", "workspace", "tenant", "model"
std::optional<Scope> scope_of(std::string_view name);

// Rates leak: a full minute's worth passes at once, then it refills evenly. Days and months are
// those of Beijing (UTC+8, no summer time).
enum class Meter : std::uint8_t {
  Requests,   // a minute; counted when they begin
  Tokens,     // a minute; counted when they are settled
  TokensDay,  // prompt and completion, cached ones too
  TokensMonth,
  MoneyDay,  // micro-yuan: 1e-6 CNY
  MoneyMonth,
  Running,  // requests at once
};
inline constexpr std::size_t kMeters = 7;
// "requests_per_minute", "tokens_per_minute", "tokens_per_day", "tokens_per_month",
// "micro_yuan_per_day", "micro_yuan_per_month", "concurrency"
std::string_view name_of(Meter meter);
std::optional<Meter> meter_of(std::string_view name);
constexpr bool is_rate(Meter m) { return m == Meter::Requests || m == Meter::Tokens; }
constexpr bool is_budget(Meter m) { return m >= Meter::TokensDay && m <= Meter::MoneyMonth; }
constexpr bool is_daily(Meter m) { return m == Meter::TokensDay || m == Meter::MoneyDay; }

inline constexpr std::int64_t kNoLimit = -1;
inline constexpr std::int64_t kGrantedMax = 1'000'000'000'000'000;  // a billion yuan
inline constexpr int kAlertPercent = 80;

// Of a request. As an estimate, `cached` is 0.
struct Tokens {
  std::int64_t prompt = 0;
  std::int64_t cached = 0;  // part of prompt that was not computed again
  std::int64_t completion = 0;
  std::int64_t all() const { return prompt + completion; }
  bool operator==(const Tokens&) const = default;
};

// Micro-yuan for a million tokens.
struct Price {
  std::int64_t input = 0, cached = 0, output = 0;
  bool operator==(const Price&) const = default;
};
inline constexpr std::int64_t kPriceMax = 1'000'000'000'000;  // a million yuan
// Rounded up, once a request. Tokens and prices that are out of range are taken as their bounds.
std::int64_t cost_of(const Price& price, const Tokens& tokens);

// What is known of an answer when it ends, in whatever way.
struct Progress {
  std::optional<Tokens> reported;  // by the endpoint, at the proper end
  std::int64_t prompt = 0;         // by the endpoint, at the beginning; 0: it did not say
  std::int64_t cached = 0;
  std::int64_t streamed = 0;  // completion tokens that came
  bool finished = false;      // the endpoint ended the answer properly
};
// What is billed; `estimate` is what was reserved. docs/operating/quota.md has the table.
Tokens billed(const Progress& progress, const Tokens& estimate);

// Bounds of the day and the month that a time belongs to.
std::int64_t day_of(std::int64_t unix_ms);      // days since 1970-01-01 in Beijing
std::int64_t month_of_day(std::int64_t day);    // year * 12 + month - 1
std::int64_t unix_ms_of_day(std::int64_t day);  // when it begins
std::int64_t unix_ms_of_month(std::int64_t month);

}  // namespace xc::identity
