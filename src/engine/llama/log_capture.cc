#include "engine/llama/log_capture.h"

#include <ggml.h>
#include <llama.h>
#include <mtmd-helper.h>
#include <mtmd.h>

#include <cstdio>
#include <mutex>
#include <string_view>

#include "log.h"

namespace xc::engine::llama {
namespace {

std::mutex g_mutex;
thread_local bool t_quiet = false;
std::string g_last_error;  // process-wide, as the callback of the library is

void on_log(ggml_log_level level, const char* text, void*) {
  if (t_quiet) return;
  if (level != GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_WARN) return;
  std::string_view line(text);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (line.empty()) return;
  if (level == GGML_LOG_LEVEL_ERROR) {
    const std::lock_guard lock(g_mutex);
    g_last_error = line;
  }
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace

void capture_log() {
  llama_log_set(on_log, nullptr);
  mtmd_log_set(on_log, nullptr);
  mtmd_helper_log_set(on_log, nullptr);
  common_log_set_verbosity_thold(-1);  // the chat and sampling layers log through their own
}

QuietLog::QuietLog() { t_quiet = true; }
QuietLog::~QuietLog() { t_quiet = false; }

std::string last_error_logged() {
  const std::lock_guard lock(g_mutex);
  std::string line = g_last_error.empty() ? "the library gave no reason" : g_last_error;
  g_last_error.clear();
  return line;
}

}  // namespace xc::engine::llama
