// One models.toml as entries. Strict: a wrong or unknown key, a digest that is none, a list that
// does not match are errors with file and line. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/catalogue.h"

namespace xc::catalog {

Result<std::vector<Entry>> parse_entries(std::string_view toml, const std::string& name_for_errors);
// "part{1..3}" → part1, part2, part3; several braces count together; no brace: one item. Empty when
// the counts differ, a brace is malformed, or there would be more than 1,000 items.
std::vector<std::string> expand_braces(std::string_view pattern);

}  // namespace xc::catalog
