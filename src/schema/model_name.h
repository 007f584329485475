// "model:adapter" in a request's field "model". Catalogue names may hold ':' themselves, so a name
// is looked up whole first and split only when it is not known.
#pragma once

#include <string_view>

namespace xc::schema {

struct ModelName {
  std::string_view base;     // the name itself when there is no adapter
  std::string_view adapter;  // behind the last ':'; empty: none
};

inline ModelName split_adapter(std::string_view name) {
  const std::size_t cut = name.rfind(':');
  const bool two = cut != std::string_view::npos && cut > 0 && cut + 1 < name.size();
  return two ? ModelName{name.substr(0, cut), name.substr(cut + 1)} : ModelName{name, {}};
}

}  // namespace xc::schema
