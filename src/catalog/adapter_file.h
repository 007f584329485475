// What makes a GGUF file a LoRA adapter of a given model. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "catalog/gguf.h"

namespace xc::catalog {

// The header of a LoRA adapter whose pairs of matrices all fit a matrix of the model: what passes
// here, llama.cpp loads. Error: BadModelFile with the reason; `path` and `model` are for it.
Status check_adapter(const GgufHeader& adapter, const GgufHeader& whole, const std::string& model,
                     const std::string& path);

}  // namespace xc::catalog
