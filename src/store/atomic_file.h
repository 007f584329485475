// Small files that are read whole and replaced whole. Blocking.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::store {

// After success the new content survives a power cut; after a failure or a kill the old content is
// whole. A symbolic link at `path` is replaced, not followed. Error: FileError.
Status write_atomically(const std::string& path, std::string_view text, mode_t mode);

// Names that were made or removed beside `path` survive a power cut. Error: FileError.
Status sync_folder_of(const std::string& path);

// Error: FileMissing, FileError (also when the file has more than bytes_max bytes).
Result<std::string> read_bounded(const std::string& path, std::size_t bytes_max);

}  // namespace xc::store
