// The header of a .safetensors file and the index of shards: no bytes break the readers, and what
// is accepted lies inside the file without overlaps.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "convert/checkpoint.h"
#include "convert/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::uint64_t file_bytes = bytes.size() + (data[0] % 2 == 0 ? 0 : data[0]);
  const auto header = xc::convert::parse_safetensors(bytes, file_bytes, "fuzz");
  if (header) {
    std::uint64_t used = 0;
    for (const auto& [name, tensor] : header->tensors) {
      XC_ASSERT(tensor.begin <= tensor.end);
      XC_ASSERT(header->data_offset + tensor.end <= file_bytes);
      used += tensor.end - tensor.begin;
    }
    XC_ASSERT(header->data_offset + used == file_bytes);
  } else {
    XC_ASSERT(header.error().args.size() == 2);
  }
  const auto index = xc::convert::parse_index(bytes, "fuzz", ".safetensors");
  if (index) {
    for (const auto& [tensor, file] : *index) XC_ASSERT(file.find('/') == std::string::npos);
  }
  return 0;
}
