// Limits and prices as administrators write them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "identity/quota_rules.h"

namespace xc::gateway {

// {"scope", "name", "limits": {"tokens_per_day": 1000, "concurrency": null, …}, "alert_percent"}:
// one account's rules, one at least. Error: as schema::read_body, or the field at fault.
Result<std::vector<identity::Rule>> rules_of(std::string_view json);
// {"model", "input", "cached", "output"}; what is not said is 0, `cached` what `input` is.
Result<identity::ModelPrice> price_of(std::string_view json);

// For records: "tenant acme: tokens_per_day=1000, concurrency=none".
std::string text_of(const std::vector<identity::Rule>& rules);
std::string text_of(const identity::ModelPrice& row);

inline constexpr std::string_view kScopeNames = "key, workspace, tenant, model";

// One of the words that a field may have.
template <typename T>
Result<T> choice_of(std::string_view field, std::optional<T> found, std::string_view names) {
  if (found) return *found;
  return fail_field(std::string(field), Message::BadValue,
                    {std::string(field), "?", std::string(names)});
}

}  // namespace xc::gateway
