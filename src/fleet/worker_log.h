// The log file of a model's workers: their stdout and stderr, appended over restarts. Blocking
// (disk): call on the blocking pool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::fleet {

// "models/Qwen 7B" → a file name that is unique for the model and has no odd characters.
std::string log_file_name(std::string_view model);

// Makes the folder (mode 0700) when it is not there. Error: FileError.
Status make_private_folder(const std::string& path);

struct OpenLog {
  int fd = -1;              // appends; the caller closes it
  std::uint64_t start = 0;  // where the new worker's lines begin
};
// Makes the file (mode 0600), moved aside to PATH.1 first when it is over its bound.
Result<OpenLog> open_log(const std::string& path);

// For a file that a running worker has open and that is over its bound: copies it to PATH.1 and
// empties it (the worker appends, so it goes on at the new start).
void bound_log(const std::string& path);

// The last line that begins with "fatal: " and was written after `start`, without these words and
// fit for showing; empty when there is none. Reads limits::kWorkerLogTailBytes at most.
std::string fatal_reason(const std::string& path, std::uint64_t start);

// Pure parts of the above.
std::string last_fatal_line(std::string_view text);
// One line of valid UTF-8 without control characters, at most limits::kReasonBytesMax.
std::string printable(std::string_view text);

}  // namespace xc::fleet
