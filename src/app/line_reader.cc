#include "app/line_reader.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cwchar>

#include "app/terminal.h"

namespace xc::app {

struct LineReader::Parts {
  std::string history_path;
  std::string prompt;
  EditLine* editor = nullptr;
  History* history = nullptr;
  bool interrupted = false;
};

namespace {

constexpr int kHistoryLines = 500;

}  // namespace

// libedit's own reader starts over after a signal; this one gives up the line, so that Ctrl-C is
// an answer to the prompt.
struct LineReaderCalls {
  static LineReader::Parts* parts(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return static_cast<LineReader::Parts*>(data);
  }
  static char* prompt(EditLine* editor) { return parts(editor)->prompt.data(); }
  // False on Ctrl-C. SIGINT is let in only while ppoll waits: one that comes before the wait would
  // set the flag and wake nobody.
  static bool wait_for_input() {
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &interrupt, &before);
    struct pollfd input{STDIN_FILENO, POLLIN, 0};
    while (!InterruptFlag::raised()) {
      if (::ppoll(&input, 1, nullptr, &before) >= 0 || errno != EINTR) break;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return !InterruptFlag::raised();
  }
  static int character(EditLine* editor, wchar_t* out) {
    std::mbstate_t state{};
    for (;;) {
      if (!wait_for_input()) {
        parts(editor)->interrupted = true;
        return -1;
      }
      char byte = 0;
      const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return static_cast<int>(n);
      // What a Ctrl-D typed during an answer has become; libedit would quote the next key with it.
      if (byte == '\0') continue;
      const std::size_t used = std::mbrtowc(out, &byte, 1, &state);
      if (used == static_cast<std::size_t>(-2)) continue;  // more bytes of this character
      if (used == static_cast<std::size_t>(-1)) {
        state = std::mbstate_t{};
        continue;  // not UTF-8: dropped
      }
      return 1;
    }
  }
};

LineReader::LineReader(std::string history_path) : parts_(std::make_unique<Parts>()) {
  parts_->history_path = std::move(history_path);
  parts_->editor = el_init("xingcha", stdin, stdout, stderr);
  parts_->history = history_init();
  HistEvent event;
  history(parts_->history, &event, H_SETSIZE, kHistoryLines);
  history(parts_->history, &event, H_SETUNIQUE, 1);
  history(parts_->history, &event, H_LOAD, parts_->history_path.c_str());
  if (parts_->editor == nullptr) return;
  el_set(parts_->editor, EL_CLIENTDATA, parts_.get());
  el_set(parts_->editor, EL_PROMPT, &LineReaderCalls::prompt);
  el_set(parts_->editor, EL_EDITOR, "emacs");
  el_set(parts_->editor, EL_SIGNAL, 0);
  el_set(parts_->editor, EL_HIST, history, parts_->history);
  el_set(parts_->editor, EL_GETCFN, &LineReaderCalls::character);
}

LineReader::~LineReader() {
  HistEvent event;
  history(parts_->history, &event, H_SAVE, parts_->history_path.c_str());
  history_end(parts_->history);
  if (parts_->editor != nullptr) el_end(parts_->editor);
}

LineReader::Input LineReader::read(const std::string& prompt, bool remember) {
  if (parts_->editor == nullptr) return {};
  parts_->prompt = prompt;
  parts_->interrupted = false;
  const InterruptFlag interrupt;
  int count = 0;
  const char* line = el_gets(parts_->editor, &count);
  if (line == nullptr || count <= 0) {
    std::fputc('\n', stdout);
    if (!parts_->interrupted) return {Kind::End, {}};
    el_reset(parts_->editor);
    return {Kind::Interrupted, {}};
  }
  std::string text(line);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (remember && !text.empty()) {
    HistEvent event;
    history(parts_->history, &event, H_ENTER, text.c_str());
  }
  return {Kind::Line, std::move(text)};
}

}  // namespace xc::app
