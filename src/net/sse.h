// Server-sent events (WHATWG HTML §9.2), both directions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::net {

struct SseEvent {
  std::string event;  // empty: message
  std::string data;   // lines joined by '\n'
};

// Feed bytes cut anywhere; take events. Bounded by limits::kSseEventBytesMax. `id` and `retry` are
// ignored: nobody here reconnects. Not thread-safe.
class SseReader {
 public:
  // Error: Upstream when one event is too large. The reader is then unusable.
  Status feed(std::string_view bytes);
  std::optional<SseEvent> next();
  // The data of an event that lies whole in front of `bytes`, in one line and with no other field,
  // and has nothing before it: without a copy, and taken off `bytes`. Nothing else: feed() them.
  std::optional<std::string_view> take_plain(std::string_view& bytes);
  // True when bytes of an unfinished event are left (a cut stream).
  bool pending() const;

 private:
  Status end_line(std::string_view line);

  std::string line_;  // the start of a line whose end has not come yet
  SseEvent event_;    // what the lines so far say
  bool has_data_ = false;
  bool skip_newline_ = false;  // a '\r' ended the last line: a '\n' now belongs to it
  bool first_line_ = true;     // may start with a byte order mark
  std::vector<SseEvent> ready_;
  std::size_t taken_ = 0;  // events of ready_ that next() gave away
};

// Appends "event: E\n" (when not empty) and "data: …\n\n" to out; data is cut at newlines.
void append_sse(std::string& out, std::string_view event, std::string_view data);

}  // namespace xc::net
