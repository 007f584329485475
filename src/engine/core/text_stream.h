// Turns token pieces into text that may leave: whole UTF-8 characters only, and never a byte that
// may still become part of a stop string. One per choice; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xc::engine {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stops);

  // Takes the bytes of one token. Returns what may leave now. When a stop string completed,
  // stopped() is true, the text ends before it, and later bytes are ignored.
  std::string add(std::string_view piece);
  // The rest at the end of generation; incomplete characters become U+FFFD.
  std::string finish();
  bool stopped() const { return stopped_; }
  // Which stop string ended the text; empty when none did.
  const std::string& stop_match() const { return stop_match_; }

 private:
  std::size_t held_for_stops() const;

  std::vector<std::string> stops_;
  std::string pending_;
  std::string stop_match_;
  bool stopped_ = false;
};

// Bytes at the end of `text` that begin a UTF-8 character but do not complete it (0 – 3).
std::size_t incomplete_utf8_tail(std::string_view text);

}  // namespace xc::engine
