// A string that is written and sent at once, in memory that the thread keeps: each request writes
// the heads of two messages.
#pragma once

#include <string>
#include <utility>

namespace xc::net {

// Empty at first. When several live at once, the others have memory of their own. May live across a
// co_await; should not for long.
class SpareText {
 public:
  SpareText() : text_(std::exchange(kept(), {})) {}
  ~SpareText() {
    if (text_.capacity() > kKeptMax) return;
    text_.clear();
    kept().swap(text_);
  }
  SpareText(const SpareText&) = delete;
  SpareText& operator=(const SpareText&) = delete;

  std::string& text() { return text_; }

 private:
  static constexpr std::size_t kKeptMax = 4'096;
  static std::string& kept();
  std::string text_;
};

}  // namespace xc::net
