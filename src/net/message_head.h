// Heads of messages as text. Field values are cleaned of line breaks: nothing a handler puts there
// can start a second header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace xc::net {

// How the end of a reply's body is found.
enum class Framing : std::uint8_t {
  None,     // no body, no length: 204 and 304
  Length,   // Content-Length
  Chunked,  // HTTP/1.1 streams
  Close,    // HTTP/1.0 streams
};

struct ReplyHead {
  int status = 200;
  std::string_view content_type;  // empty: no such field
  Framing framing = Framing::Length;
  std::size_t body_bytes = 0;  // for Length
  bool http_1_1 = true;
  bool keep_alive = true;
};

void append_reply_head(std::string& out, const ReplyHead& head, const Headers& extra);

// "HTTP date" of now, made once a second per thread.
std::string_view http_date();

// Appends "name: value\r\n", with control characters of the value turned into spaces.
void append_field(std::string& out, std::string_view name, std::string_view value);

// May stand as it is in a request line: no spaces, no control characters.
bool is_clean_target(std::string_view target);

}  // namespace xc::net
