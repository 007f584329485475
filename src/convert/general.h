// general.* of a GGUF file: what the model is called, under which licence, and from which bytes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/hf_config.h"
#include "convert/plan.h"
#include "convert/scalar.h"

namespace xc::convert {

// "<file> <sha256>" for config and tokenizer files, sorted by name. The shards' digests are
// computed while they are converted (conversion.h).
Result<std::vector<std::string>> small_digests(const Checkpoint& checkpoint);

// Tells one state of the weight files from another without reading them whole: names, sizes, times
// of change, and a check sum of samples. What the journal of an interrupted run belongs to.
Result<std::string> identity_of(const Checkpoint& checkpoint);

// The licence that README.md's front matter names; empty when it names none. Pure.
std::string licence_of(std::string_view readme);

// The vendor's sampling as metadata xingcha.sampling.*, from generation_config.json: greedy when it
// says do_sample false; a number out of its range becomes a note instead. Error: BadCheckpoint.
Status add_sampling(const Checkpoint& checkpoint, ModelPlan& plan);

struct GeneralFacts {
  std::string name, licence, version;
  OutputType type = OutputType::F16;
  std::vector<std::string> digests;
};
void add_general(const GeneralFacts& facts, const ModelPlan& plan, Metadata& metadata);

}  // namespace xc::convert
