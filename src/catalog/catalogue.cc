#include "catalog/catalogue.h"

#include <algorithm>
#include <map>

#include "base/limits.h"
#include "catalog/catalogue_extra.h"
#include "catalog/catalogue_toml.h"
#include "catalog/names.h"

namespace xc::embedded {
extern const std::string_view models_toml;  // src/catalog/models.toml
}

namespace xc::catalog {
namespace {

constexpr const char* kBuiltInName = "models.toml (built in)";

// A name or alias may lead to one entry only.
Status check_unique(const std::vector<Entry>& entries, const std::string& name_for_errors) {
  std::map<std::string_view, std::string_view> owner;
  for (const Entry& entry : entries) {
    std::vector<std::string_view> names(entry.aliases.begin(), entry.aliases.end());
    names.emplace_back(entry.name);
    for (const std::string_view name : names) {
      const auto [at, fresh] = owner.emplace(name, entry.name);
      if (fresh) continue;
      return fail(Code::InvalidRequest, Message::BadConfig,
                  {name_for_errors, "1",
                   "'" + std::string(name) + "' names both " + std::string(at->second) + " and " +
                       entry.name});
    }
  }
  return {};
}

}  // namespace

Status Catalogue::add(std::string_view toml, const std::string& name_for_errors) {
  XC_TRY(std::vector<Entry> more, parse_entries(toml, name_for_errors));
  XC_CHECK(check_unique(more, name_for_errors));
  for (Entry& entry : more) {
    const auto same = std::ranges::find(entries_, entry.name, &Entry::name);
    if (same != entries_.end()) {
      *same = std::move(entry);
    } else {
      entries_.push_back(std::move(entry));
    }
  }
  return check_unique(entries_, name_for_errors);
}

Result<Catalogue> Catalogue::parse(std::string_view toml, const std::string& name_for_errors) {
  Catalogue catalogue;
  XC_CHECK(catalogue.add(toml, name_for_errors));
  return catalogue;
}

Result<Catalogue> Catalogue::open(const std::string& extra_path) {
  Catalogue catalogue;
  XC_CHECK(catalogue.add(embedded::models_toml, kBuiltInName));
  XC_TRY(const std::optional<std::string> extra, read_extra_toml(extra_path));
  if (extra) XC_CHECK(catalogue.add(*extra, extra_path));
  return catalogue;
}

const Entry* Catalogue::find(std::string_view name) const {
  const std::string wanted = canonical_name(name);
  const auto named = std::ranges::find(entries_, wanted, &Entry::name);
  if (named != entries_.end()) return &*named;
  const auto aliased = std::ranges::find_if(entries_, [&wanted](const Entry& entry) {
    return std::ranges::find(entry.aliases, wanted) != entry.aliases.end();
  });
  return aliased != entries_.end() ? &*aliased : nullptr;
}

bool same_licence(std::string_view one, std::string_view other) {
  constexpr std::string_view kOwn = "LicenseRef-";
  const auto bare = [kOwn](std::string_view name) {
    return name.starts_with(kOwn) ? name.substr(kOwn.size()) : name;
  };
  return std::ranges::equal(bare(one), bare(other), [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

}  // namespace xc::catalog
