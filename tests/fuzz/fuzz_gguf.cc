// The GGUF header reader against any bytes. The first byte says how much larger than the bytes the
// file pretends to be, so that tensors can lie inside and outside of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "catalog/fit.h"
#include "catalog/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto header = xc::catalog::read_gguf(
      bytes, bytes.size() + (std::uint64_t{1} << (data[0] % 64)), "fuzz.gguf");
  if (!header) return 0;
  if (header->tensors.empty()) __builtin_trap();
  const auto need = xc::catalog::need_of(header->facts, 4'096, "q8_0", 512, 0);
  if (need.total() < need.kv_bytes) __builtin_trap();
  return 0;
}
