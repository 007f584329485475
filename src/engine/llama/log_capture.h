// llama.cpp's log goes to ours; the last error line is kept, because its loaders return only null.
#pragma once

#include <string>

namespace xc::engine::llama {

// Once per process, before anything else of llama.cpp. Warnings and errors go to stderr.
void capture_log();
// The last error line since the last call, without its newline; a generic text when none.
std::string last_error_logged();

// While it lives, the library's complaints on this thread are not written: it aborts a step that is
// meant to be aborted, and calls that an error.
class QuietLog {
 public:
  QuietLog();
  ~QuietLog();
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

}  // namespace xc::engine::llama
