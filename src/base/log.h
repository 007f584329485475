// Structured log lines on stderr. Thread-safe; never blocks on more than a pipe write.
// Never log a key, a prompt or an answer.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace xc::log {

enum class Level { Debug, Info, Warn, Error, Off };

// `json` writes one JSON object a line. Called again, it changes the level at once.
void open(Level level, bool json);
bool enabled(Level level);
void write(Level level, std::string_view module, std::string_view text);

template <typename... Args>
void debug(std::string_view module, fmt::format_string<Args...> f, Args&&... args) {
  if (enabled(Level::Debug)) {
    write(Level::Debug, module, fmt::format(f, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(std::string_view module, fmt::format_string<Args...> f, Args&&... args) {
  if (enabled(Level::Info)) write(Level::Info, module, fmt::format(f, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(std::string_view module, fmt::format_string<Args...> f, Args&&... args) {
  if (enabled(Level::Warn)) write(Level::Warn, module, fmt::format(f, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view module, fmt::format_string<Args...> f, Args&&... args) {
  if (enabled(Level::Error)) {
    write(Level::Error, module, fmt::format(f, std::forward<Args>(args)...));
  }
}

}  // namespace xc::log
