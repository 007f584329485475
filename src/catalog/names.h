// Names of models and what a model can do. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/gguf.h"

namespace xc::catalog {

// Lower case, without the ":latest" that Ollama's users type. Not validated.
std::string canonical_name(std::string_view name);
// [a-z0-9][a-z0-9._:-]*, at most limits::kModelNameBytesMax: safe as a file name. BadModelName.
Status check_name(std::string_view name);

bool is_capability(std::string_view word);
// From the header: rerank, or embedding, or completion with chat, tools and infill; vision when
// there is a projector.
std::vector<std::string> capabilities_of(const GgufFacts& facts, bool has_projector);

}  // namespace xc::catalog
