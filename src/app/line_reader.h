// One line of input from a terminal, with editing, history and CJK widths (libedit).
// Not thread-safe; one at a time.
#pragma once

#include <memory>
#include <string>

namespace xc::app {

class LineReader {
 public:
  enum class Kind : std::uint8_t { Line, Interrupted, End };
  struct Input {
    Kind kind = Kind::End;
    std::string text;  // without the newline
  };

  // The history is read from and written to this file, mode 0600.
  explicit LineReader(std::string history_path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Ctrl-C gives Interrupted, Ctrl-D on an empty line End. `remember`: put it into the history.
  Input read(const std::string& prompt, bool remember);

 private:
  friend struct LineReaderCalls;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::app
