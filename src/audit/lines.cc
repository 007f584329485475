#include "audit/lines.h"

#include <fcntl.h>

namespace xc::audit {
namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;

}  // namespace

Result<LineReader> LineReader::open(const std::string& path, std::size_t line_max) {
  LineReader reader;
  reader.line_max_ = line_max;
  XC_TRY(reader.file_, File::open(path, O_RDONLY));
  return reader;
}

Result<std::optional<std::string>> LineReader::next() {
  std::size_t looked = begin_;
  for (;;) {
    const std::size_t end = block_.find('\n', looked);
    if (end != std::string::npos) {
      std::string line = block_.substr(begin_, end - begin_);
      begin_ = end + 1;
      ++number_;
      return line;
    }
    block_.erase(0, begin_);
    begin_ = 0;
    looked = block_.size();
    if (looked > line_max_) return std::nullopt;
    XC_TRY(const std::string more, file_.read(at_, kBlockBytes));
    if (more.empty()) return std::nullopt;
    at_ += more.size();
    block_ += more;
  }
}

}  // namespace xc::audit
