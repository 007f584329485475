// The tensors of a pytorch_model*.bin file: a ZIP archive (torch.save since PyTorch 1.6) with a
// pickled dictionary, <root>/data.pkl, and one stored entry a storage, <root>/data/<key>. They lie
// in it as they lie in memory, so they are used in place. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "convert/weights_file.h"

namespace xc::convert {

// `bytes` is the whole file. Tensors may share bytes (a tied head does). Error: BadCheckpoint
// {name, reason, naming the tensor or the entry}.
Result<TensorTable> parse_torch(std::string_view bytes, const std::string& name);

}  // namespace xc::convert
