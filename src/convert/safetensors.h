// The header of a .safetensors file: 8 bytes of length, a JSON header, then the tensors back to
// back (https://github.com/huggingface/safetensors#format). Nothing of the header is believed:
// lengths, shapes and offsets are checked against each other and the file, and tensors may neither
// overlap nor leave holes, as the format demands. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "convert/weights_file.h"

namespace xc::convert {

// `bytes` is the whole file or at least its head; `file_bytes` what the tensors are checked
// against. Error: BadCheckpoint {name, reason}, the reason naming the tensor.
Result<TensorTable> parse_safetensors(std::string_view bytes, std::uint64_t file_bytes,
                                      const std::string& name);

}  // namespace xc::convert
