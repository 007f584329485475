// The part of Python's pickle format (protocol 2, https://docs.python.org/3/library/pickletools)
// that torch.save writes for a dictionary of tensors. Nothing of Python is run: four names build
// values here (an ordered dictionary, a tensor, a parameter, a storage of one element type); any
// other name, and any other instruction, is refused. Bounded; pure; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "convert/scalar.h"

namespace xc::convert {

// A view of a storage, in elements.
struct PickledTensor {
  Dtype type = Dtype::F32;
  std::string storage;  // the name of its entry in the archive
  std::uint64_t storage_elements = 0;
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> shape, stride;  // outermost first
};
using StateDict = std::map<std::string, PickledTensor, std::less<>>;

// Error: BadCheckpoint {name, reason, naming the entry of the dictionary or the byte}.
Result<StateDict> read_state_dict(std::string_view bytes, const std::string& name);

}  // namespace xc::convert
