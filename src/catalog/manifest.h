// An installed model as JSON; docs/formats/manifest.md is the format's page. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/model_store.h"

namespace xc::catalog {

std::string render_manifest(const InstalledModel& model);
// Paths are filled in from the layout. Errors: FileError {name_for_errors, reason}, also for a
// newer format and for digests or names that could lead outside of the folder.
Result<InstalledModel> parse_manifest(std::string_view json, const StoreLayout& layout,
                                      const std::string& name_for_errors);

}  // namespace xc::catalog
