// What people see in a terminal: widths of CJK text, tables, progress bars, questions.
// Pure but for Progress bars and confirm(); not thread-safe.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/text.h"

namespace xc::app {

// Columns that UTF-8 text takes: 2 for East Asian wide characters and emoji, 0 for combining
// marks and control characters. Bytes that are no UTF-8 count 1 each. Independent of the locale.
int display_width(std::string_view utf8);
// Without what would steer the terminal: control characters other than newline and tab. What a
// model writes goes through this before it reaches a screen.
std::string printable(std::string_view utf8);

bool is_terminal(int fd);
int terminal_columns(int fd);  // 80 when unknown

// "1.04 GiB", "98.4 MiB", "512 B".
std::string bytes_text(std::uint64_t bytes);
// "2024-05-01 12:30", local time.
std::string time_text(std::int64_t unix_ms);

// Columns aligned by display width, two spaces apart; the last column is not padded.
class Table {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A bar on stderr with rate and remaining time; a line every 10 % when stderr is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void update(std::uint64_t done, std::uint64_t total);
  // Ends the line. Called by the destructor too.
  void finish();

 private:
  using Time = std::chrono::steady_clock::time_point;
  std::string line_of(std::uint64_t done, std::uint64_t total, Time now) const;
  std::string label_;
  bool tty_;
  bool open_ = false;
  int last_tenth_ = -1;
  std::uint64_t first_done_ = 0;
  Time started_{};
  Time drawn_{};
};

// Asks on the terminal; `otherwise` when there is none to ask.
bool confirm(std::string_view question, Language language, bool otherwise);

// Ctrl-C for commands that run without an event loop: sets a flag instead of ending the program.
// May be nested; the inner one starts with a flag that is not set.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  static bool raised();
  static void clear();

 private:
  struct sigaction previous_;
};

}  // namespace xc::app
