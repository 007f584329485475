// The configuration file: no input breaks the reader, and an error names a line.
#include <cstddef>
#include <cstdint>

#include "app/config.h"
#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config =
      xc::app::parse_config({reinterpret_cast<const char*>(data), size}, "config.toml", {});
  if (!config) XC_ASSERT(!config.error().args.empty());
  return 0;
}
