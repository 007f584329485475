#include "engine/core/text_stream.h"

#include <algorithm>

namespace xc::engine {
namespace {

int utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

// Replaces what is not UTF-8 by U+FFFD, so that JSON stays valid whatever a model emits.
std::string repaired(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const int length = utf8_length(static_cast<unsigned char>(text[i]));
    bool good = length > 0 && i + static_cast<std::size_t>(length) <= text.size();
    for (int k = 1; good && k < length; ++k) {
      good = (static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]) & 0xC0) == 0x80;
    }
    if (good) {
      out.append(text.substr(i, static_cast<std::size_t>(length)));
      i += static_cast<std::size_t>(length);
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
  return out;
}

}  // namespace

std::size_t incomplete_utf8_tail(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto c = static_cast<unsigned char>(text[text.size() - back]);
    if ((c & 0xC0) == 0x80) continue;  // a continuation byte: look further back
    const int length = utf8_length(c);
    return length > static_cast<int>(back) ? back : 0;
  }
  return 0;
}

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {}

std::size_t TextStream::held_for_stops() const {
  std::size_t held = 0;
  for (const std::string& stop : stops_) {
    const std::size_t longest = std::min(stop.size() - 1, pending_.size());
    for (std::size_t n = longest; n > held; --n) {
      if (pending_.compare(pending_.size() - n, n, stop, 0, n) == 0) {
        held = n;
        break;
      }
    }
  }
  return held;
}

std::string TextStream::add(std::string_view piece) {
  if (stopped_) return {};
  pending_ += piece;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = pending_.find(stop);
    if (at >= first) continue;
    first = at;
    stop_match_ = stop;
  }
  if (first != std::string::npos) {
    stopped_ = true;
    std::string out = repaired(std::string_view(pending_).substr(0, first));
    pending_.clear();
    return out;
  }
  const std::size_t hold = std::max(held_for_stops(), incomplete_utf8_tail(pending_));
  std::string out = repaired(std::string_view(pending_).substr(0, pending_.size() - hold));
  pending_.erase(0, pending_.size() - hold);
  return out;
}

std::string TextStream::finish() {
  std::string out = stopped_ ? std::string() : repaired(pending_);
  pending_.clear();
  return out;
}

}  // namespace xc::engine
