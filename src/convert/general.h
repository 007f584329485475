// general.* of a GGUF file: what the model is called, under which licence, and from which bytes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/hf_config.h"
#include "convert/plan.h"
#include "convert/scalar.h"

namespace xc::convert {

// "<file> <sha256>" for config, tokenizer files and every shard, sorted by name. Reads all weights
// once. `progress` may cancel.
Result<std::vector<std::string>> source_digests(
    const Checkpoint& checkpoint,
    const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress);

// The licence that README.md's front matter names; empty when it names none. Pure.
std::string licence_of(std::string_view readme);

struct GeneralFacts {
  std::string name, licence, version;
  OutputType type = OutputType::F16;
  std::vector<std::string> digests;
};
void add_general(const GeneralFacts& facts, const ModelPlan& plan, Metadata& metadata);

}  // namespace xc::convert
