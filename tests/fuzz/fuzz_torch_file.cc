// A file of torch.save's: its ZIP directory and its pickle. No bytes break the readers, and what is
// accepted lies inside the file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "convert/pickle.h"
#include "convert/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto table = xc::convert::parse_torch(bytes, "fuzz");
  if (table) {
    for (const auto& [name, tensor] : table->tensors) {
      XC_ASSERT(tensor.begin <= tensor.end && tensor.end <= size);
      std::uint64_t wanted = xc::convert::bytes_of(tensor.type);
      for (const std::uint64_t extent : tensor.shape) wanted *= extent;
      XC_ASSERT(wanted == tensor.end - tensor.begin);
    }
  } else {
    XC_ASSERT(table.error().args.size() == 2);
  }
  const auto tensors = xc::convert::read_state_dict(bytes, "fuzz");  // the pickle alone
  if (tensors) {
    for (const auto& [name, tensor] : *tensors) {
      XC_ASSERT(tensor.shape.size() == tensor.stride.size());
    }
  }
  return 0;
}
