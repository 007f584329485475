// The console's files over HTTP.
#pragma once

#include <string_view>

#include "gateway/call.h"

namespace xc::gateway {

// Embedded in the program: all views live for ever.
struct StaticFile {
  std::string_view content_type;
  std::string_view gzip;   // the bytes, compressed
  std::string_view etag;   // with its quotes
  bool immutable = false;  // the name changes with the content: may be cached for ever
};

// "/" is the start page; null when there is no such file.
const StaticFile* find_static_file(std::string_view path);
// With validators, caching and the security headers; compressed when the client takes gzip. The
// policy allows nothing from outside: the console makes no outside request.
Task<Status> serve_static_file(Call& call, StaticFile file);

// Whether an Accept-Encoding value takes gzip (RFC 9110 §12.5.3).
bool accepts_gzip(std::string_view accept_encoding);
// Whether an If-None-Match value names the tag.
bool names_tag(std::string_view if_none_match, std::string_view etag);

}  // namespace xc::gateway
