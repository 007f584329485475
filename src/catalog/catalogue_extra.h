// The operator's own additions to a built-in data file.
#pragma once

#include <optional>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "catalog/file.h"

namespace xc::catalog {

// nullopt when the path is empty or there is no such file. Blocking. Error: FileError, BadConfig
// for a file beyond kConfigBytesMax.
inline Result<std::optional<std::string>> read_extra_toml(const std::string& path) {
  if (path.empty()) return std::nullopt;
  Result<File> file = File::open_read(path);
  if (!file && file.error().message == Message::FileMissing) return std::nullopt;
  if (!file) return std::unexpected(std::move(file.error()));
  XC_TRY(std::string text, file->read_prefix(limits::kConfigBytesMax + 1));
  if (text.size() > limits::kConfigBytesMax) {
    return fail(Code::InvalidRequest, Message::BadConfig,
                {path, "1", "larger than " + std::to_string(limits::kConfigBytesMax) + " bytes"});
  }
  return text;
}

}  // namespace xc::catalog
