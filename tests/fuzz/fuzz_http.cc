// A request's head and body, cut into pieces, through the parser that every connection uses.
#include <cstdint>

#include "net/message_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  xc::net::RequestParser parser({4096, 32, 65536});
  std::string rest;
  for (std::size_t at = 0; at < bytes.size() && !parser.done(); at += step) {
    rest += bytes.substr(at, step);
    const xc::Result<std::size_t> used = parser.feed(rest);
    if (!used) return 0;
    rest.erase(0, *used);
  }
  if (!parser.done()) return static_cast<int>(parser.feed_end().has_value()) * 0;
  const xc::net::Request request = parser.take();
  if (!request.path.starts_with('/') || request.body.size() > 65536) __builtin_trap();
  return 0;
}
