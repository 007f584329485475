#include "net/sse.h"

#include "base/byte_scan.h"
#include "base/limits.h"

namespace xc::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::unexpected<Error> too_large() {
  return fail(Code::Upstream, Message::UpstreamFailed, {"SSE"}, "an SSE event is too large");
}

}  // namespace

Status SseReader::feed(std::string_view bytes) {
  if (skip_newline_ && !bytes.empty()) {
    skip_newline_ = false;
    if (bytes.front() == '\n') bytes.remove_prefix(1);
  }
  while (!bytes.empty()) {
    const std::size_t end = find_line_end(bytes);
    if (end == std::string_view::npos) {
      line_ += bytes;
      if (line_.size() + event_.data.size() > limits::kSseEventBytesMax) return too_large();
      return {};
    }
    std::string_view line = bytes.substr(0, end);
    if (!line_.empty()) line = line_.append(line);
    XC_CHECK(end_line(line));
    line_.clear();
    if (bytes[end] == '\r') {
      skip_newline_ = end + 1 == bytes.size();
      if (bytes.substr(end).starts_with("\r\n")) bytes.remove_prefix(1);
    }
    bytes.remove_prefix(end + 1);
  }
  return {};
}

Status SseReader::end_line(std::string_view line) {
  if (first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (line.empty()) {
    if (ready_.capacity() == 0) ready_.reserve(4);
    if (has_data_) ready_.push_back(std::move(event_));  // without data there is no event
    event_ = {};
    has_data_ = false;
    return {};
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return {};  // comment
  const std::string_view name = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") event_.event = value;
  if (name != "data") return {};
  if (event_.data.size() + value.size() >= limits::kSseEventBytesMax) return too_large();
  if (has_data_) event_.data += '\n';
  event_.data += value;
  has_data_ = true;
  return {};
}

std::optional<std::string_view> SseReader::take_plain(std::string_view& bytes) {
  constexpr std::string_view kField = "data: ";
  if (!bytes.starts_with(kField) || pending() || skip_newline_ || taken_ < ready_.size()) {
    return std::nullopt;
  }
  const std::string_view line = bytes.substr(kField.size());
  const std::size_t end = line.find('\n');
  if (end >= limits::kSseEventBytesMax || !line.substr(end).starts_with("\n\n")) {
    return std::nullopt;
  }
  const std::string_view data = line.substr(0, end);
  if (data.find('\r') != std::string_view::npos) return std::nullopt;  // ends a line too
  first_line_ = false;
  bytes.remove_prefix(kField.size() + end + 2);
  return data;
}

std::optional<SseEvent> SseReader::next() {
  if (taken_ == ready_.size()) return std::nullopt;
  SseEvent event = std::move(ready_[taken_++]);
  if (taken_ == ready_.size()) {
    ready_.clear();
    taken_ = 0;
  }
  return event;
}

bool SseReader::pending() const { return !line_.empty() || has_data_ || !event_.event.empty(); }

void append_sse(std::string& out, std::string_view event, std::string_view data) {
  if (!event.empty()) {
    out += "event: ";
    out += event;
    out += '\n';
  }
  for (;;) {
    const std::size_t end = find_line_end(data);
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out += '\n';
}

}  // namespace xc::net
