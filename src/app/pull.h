// Fetching a model as people see it: licence, progress, Ctrl-C. Shared by `pull` and `run`.
#pragma once

#include <string>
#include <string_view>

#include "app/command.h"
#include "catalog/catalogue.h"
#include "catalog/model_store.h"

namespace xc::app {

// Error: NotInCatalogue, Cancelled (Ctrl-C, licence refused), and as ModelStore::pull.
Result<catalog::InstalledModel> pull_model(const Surroundings& here, std::string_view name,
                                           bool yes);
std::uint64_t bytes_of(const catalog::Entry& entry);
std::string_view title_of(const catalog::Entry& entry, Language language);

}  // namespace xc::app
