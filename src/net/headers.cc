#include <algorithm>

#include "net/http.h"

namespace xc::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (same_name(field.first, name)) return field.second;
  }
  return {};
}

void Headers::set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
  add(std::move(name), std::move(value));
}

void Headers::add(std::string name, std::string value) {
  if (fields_.empty()) fields_.reserve(12);  // one allocation for a usual head
  fields_.emplace_back(std::move(name), std::move(value));
}

}  // namespace xc::net
