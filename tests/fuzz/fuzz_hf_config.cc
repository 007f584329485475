// A model's config.json: no text breaks the reader, and the numbers that it accepts stay in bounds.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"
#include "convert/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = xc::convert::parse_config({reinterpret_cast<const char*>(data), size});
  if (!config) return 0;
  XC_ASSERT(config->layers >= 1 && config->layers <= xc::limits::kModelLayersMax);
  XC_ASSERT(config->heads >= 1 && config->heads_kv >= 1 && config->head_dim >= 1);
  XC_ASSERT(config->vocab >= 1 && config->norm_eps > 0 && config->rope_theta > 0);
  XC_ASSERT(config->experts_used <= config->experts);
  return 0;
}
