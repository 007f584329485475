// Reads a text file line by line in bounded memory.
#pragma once

#include <optional>
#include <string>

#include "audit/file.h"

namespace xc::audit {

class LineReader {
 public:
  // line_max: a longer line ends the reading like a cut one. Error: FileMissing, FileError.
  static Result<LineReader> open(const std::string& path, std::size_t line_max);
  // Without its newline; nothing at the end.
  Result<std::optional<std::string>> next();
  std::uint64_t number() const { return number_; }  // of the line that next() gave, from 1
  // After the end: bytes that no newline follows.
  std::size_t rest_bytes() const { return block_.size() - begin_; }

 private:
  File file_;
  std::size_t line_max_ = 0;
  std::uint64_t at_ = 0, number_ = 0;
  std::string block_;
  std::size_t begin_ = 0;
};

}  // namespace xc::audit
