// The files of the web console, embedded in the program by cmake/EmbedConsole.cmake.
#pragma once

#include <string_view>

namespace xc::console {

// All views live for ever.
struct Asset {
  std::string_view path;  // begins with "/"
  std::string_view content_type;
  std::string_view etag;  // with its quotes; of the uncompressed bytes
  std::string_view gzip;  // the bytes, compressed
  bool immutable;         // the name changes with the content: may be cached for ever
};

// nullptr when there is no such asset. "/" means index.html. Thread-safe, never fails otherwise.
const Asset* find_asset(std::string_view path);

// The Content-Security-Policy header that the pages are written for and tested with.
extern const std::string_view kContentSecurityPolicy;

}  // namespace xc::console
