#include "app/terminal.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>

#include "schema/utf8.h"

namespace xc::app {
namespace {

struct Range {
  char32_t first, last;
};
// Unicode EastAsianWidth W and F, blocks joined where the gaps are unassigned.
constexpr std::array kWide{
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x2329, 0x232A},
    Range{0x23E9, 0x23EC},   Range{0x23F0, 0x23F0},   Range{0x23F3, 0x23F3},
    Range{0x25FD, 0x25FE},   Range{0x2614, 0x2615},   Range{0x2648, 0x2653},
    Range{0x267F, 0x267F},   Range{0x2693, 0x2693},   Range{0x26A1, 0x26A1},
    Range{0x26AA, 0x26AB},   Range{0x26BD, 0x26BE},   Range{0x26C4, 0x26C5},
    Range{0x26CE, 0x26CE},   Range{0x26D4, 0x26D4},   Range{0x26EA, 0x26EA},
    Range{0x26F2, 0x26F3},   Range{0x26F5, 0x26F5},   Range{0x26FA, 0x26FA},
    Range{0x26FD, 0x26FD},   Range{0x2705, 0x2705},   Range{0x270A, 0x270B},
    Range{0x2728, 0x2728},   Range{0x274C, 0x274C},   Range{0x274E, 0x274E},
    Range{0x2753, 0x2755},   Range{0x2757, 0x2757},   Range{0x2795, 0x2797},
    Range{0x27B0, 0x27B0},   Range{0x27BF, 0x27BF},   Range{0x2B1B, 0x2B1C},
    Range{0x2B50, 0x2B50},   Range{0x2B55, 0x2B55},   Range{0x2E80, 0x303E},
    Range{0x3041, 0x33FF},   Range{0x3400, 0x4DBF},   Range{0x4E00, 0xA4CF},
    Range{0xA960, 0xA97F},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE10, 0xFE19},   Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x16FE0, 0x18CFF}, Range{0x1AFF0, 0x1B2FF},
    Range{0x1F004, 0x1F004}, Range{0x1F0CF, 0x1F0CF}, Range{0x1F18E, 0x1F18E},
    Range{0x1F191, 0x1F19A}, Range{0x1F200, 0x1F320}, Range{0x1F32D, 0x1F335},
    Range{0x1F337, 0x1F37C}, Range{0x1F37E, 0x1F393}, Range{0x1F3A0, 0x1F3CA},
    Range{0x1F3CF, 0x1F3D3}, Range{0x1F3E0, 0x1F3F0}, Range{0x1F3F4, 0x1F3F4},
    Range{0x1F3F8, 0x1F43E}, Range{0x1F440, 0x1F440}, Range{0x1F442, 0x1F4FC},
    Range{0x1F4FF, 0x1F53D}, Range{0x1F54B, 0x1F54E}, Range{0x1F550, 0x1F567},
    Range{0x1F57A, 0x1F57A}, Range{0x1F595, 0x1F596}, Range{0x1F5A4, 0x1F5A4},
    Range{0x1F5FB, 0x1F64F}, Range{0x1F680, 0x1F6C5}, Range{0x1F6CC, 0x1F6CC},
    Range{0x1F6D0, 0x1F6D2}, Range{0x1F6D5, 0x1F6DF}, Range{0x1F6EB, 0x1F6EC},
    Range{0x1F6F4, 0x1F6FC}, Range{0x1F7E0, 0x1F7F0}, Range{0x1F90C, 0x1F9FF},
    Range{0x1FA70, 0x1FAFF}, Range{0x20000, 0x3FFFD}};
constexpr std::array kZero{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x0610, 0x061A},
    Range{0x064B, 0x065F}, Range{0x0E31, 0x0E31}, Range{0x0E34, 0x0E3A}, Range{0x0E47, 0x0E4E},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F}, Range{0x2028, 0x202E},
    Range{0x2060, 0x206F}, Range{0x20D0, 0x20FF}, Range{0x302A, 0x302D}, Range{0x3099, 0x309A},
    Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}, Range{0xFEFF, 0xFEFF}, Range{0xE0000, 0xE0FFF}};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
  const auto at = std::lower_bound(ranges.begin(), ranges.end(), c,
                                   [](const Range& r, char32_t v) { return r.last < v; });
  return at != ranges.end() && c >= at->first;
}

char32_t decode(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  switch (bytes.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
    case 3:
      return (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    default:
      return (byte(0) & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 |
             (byte(3) & 0x3Fu);
  }
}

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

volatile std::sig_atomic_t g_interrupted = 0;

}  // namespace

int display_width(std::string_view utf8) {
  int width = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t length = schema::character_length(utf8, at);
    if (length == 0) {
      ++width, ++at;
      continue;
    }
    const char32_t c = decode(utf8.substr(at, length));
    if (!is_control(c) && !within(kZero, c)) width += within(kWide, c) ? 2 : 1;
    at += length;
  }
  return width;
}

std::string printable(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t length = std::max<std::size_t>(schema::character_length(utf8, at), 1);
    const std::string_view one = utf8.substr(at, length);
    const char32_t c = decode(one);
    const bool bidi = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    const bool broken = length == 1 && c >= 0x80;
    if (c == '\n' || c == '\t' || !(is_control(c) || bidi || broken)) out += one;
    at += length;
  }
  return out;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

int terminal_columns(int fd) {
  struct winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, kUnits[unit]);
}

std::string time_text(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%d %H:%M}", parts);
}

std::string Table::text() const {
  std::vector<int> widths;
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size(), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 == row.size()) break;
      const int missing = widths[i] - display_width(row[i]) + 2;
      out.append(static_cast<std::size_t>(missing), ' ');
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  }
  return out;
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), tty_(is_terminal(STDERR_FILENO)) {}
ProgressBar::~ProgressBar() { finish(); }

std::string ProgressBar::line_of(std::uint64_t done, std::uint64_t total, Time now) const {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  const double rate = elapsed > 0.5 ? static_cast<double>(done - first_done_) / elapsed : 0;
  std::string tail =
      fmt::format(" {:3.0f}%  {} / {}", share * 100, bytes_text(done), bytes_text(total));
  if (rate > 0) {
    const auto left = static_cast<int>(static_cast<double>(total - done) / rate);
    tail += fmt::format("  {}/s  {}:{:02}", bytes_text(static_cast<std::uint64_t>(rate)), left / 60,
                        left % 60);
  }
  if (!tty_) return label_ + tail;
  const int room = terminal_columns(STDERR_FILENO) - display_width(label_) - display_width(tail);
  const int cells = std::clamp(room - 4, 0, 40);
  if (cells < 5) return label_ + tail;
  const int filled = static_cast<int>(share * cells);
  std::string bar = " [";
  for (int i = 0; i < cells; ++i) bar += i < filled ? '=' : (i == filled ? '>' : ' ');
  return label_ + bar + "]" + tail;
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  const Time now = std::chrono::steady_clock::now();
  done = std::min(done, total);
  if (!open_) {
    open_ = true;
    started_ = now;
    first_done_ = done;
  } else if (done < first_done_) {
    first_done_ = done;  // another source starts over
  }
  const int tenth = total > 0 ? static_cast<int>(done * 10 / total) : 0;
  if (!tty_) {
    if (tenth == last_tenth_) return;
    last_tenth_ = tenth;
    fmt::print(stderr, "{}\n", line_of(done, total, now));
    return;
  }
  if (now - drawn_ < std::chrono::milliseconds(100) && done != total) return;
  drawn_ = now;
  fmt::print(stderr, "\r{}\x1b[K", line_of(done, total, now));
  std::fflush(stderr);
}

void ProgressBar::finish() {
  if (open_ && tty_) fmt::print(stderr, "\n");
  open_ = false;
}

bool confirm(std::string_view question, Language language, bool otherwise) {
  if (!is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) return otherwise;
  fmt::print(stderr, "{} {} ", question, texts::YesNo.in(language));
  std::fflush(stderr);
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer.starts_with('y') || answer.starts_with('Y') || answer.starts_with("是");
}

InterruptFlag::InterruptFlag() {
  g_interrupted = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { g_interrupted = 1; };
  ::sigaction(SIGINT, &action, &previous_);
}
InterruptFlag::~InterruptFlag() { ::sigaction(SIGINT, &previous_, nullptr); }
bool InterruptFlag::raised() { return g_interrupted != 0; }
void InterruptFlag::clear() { g_interrupted = 0; }

}  // namespace xc::app
