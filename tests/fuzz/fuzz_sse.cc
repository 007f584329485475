// A stream of server-sent events, cut into pieces; the cut must not change what is read.
#include <cstdint>

#include "net/sse.h"

static std::string read_events(std::string_view bytes, std::size_t step) {
  xc::net::SseReader reader;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!reader.feed(bytes.substr(at, step))) __builtin_trap();  // inputs are below the bound
    while (auto event = reader.next()) out += event->event + '\0' + event->data + '\0';
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (read_events(bytes, data[0] + std::size_t{1}) != read_events(bytes, size)) __builtin_trap();
  return 0;
}
