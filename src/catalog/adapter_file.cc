#include "catalog/adapter_file.h"

#include <fmt/format.h>

#include <map>
#include <string_view>

namespace xc::catalog {
namespace {

constexpr std::string_view kSuffixA = ".lora_a";
constexpr std::string_view kSuffixB = ".lora_b";

struct Pair {
  const GgufTensor* a = nullptr;
  const GgufTensor* b = nullptr;
};

std::string value_of(const GgufHeader& header, const char* key) {
  const auto at = header.metadata.find(key);
  return at == header.metadata.end() ? std::string() : at->second;
}

std::uint64_t extent(const GgufTensor& tensor, std::size_t axis) {
  return axis < tensor.shape.size() ? tensor.shape[axis] : 1;
}

// As llama.cpp compares them. The matrices of the embedding table are flipped.
bool fits(const Pair& pair, const GgufTensor& matrix) {
  const GgufTensor& a = *pair.a;
  const GgufTensor& b = *pair.b;
  if (matrix.name == "token_embd.weight") {
    return extent(matrix, 0) == extent(b, 1) && extent(matrix, 1) == extent(a, 1) &&
           extent(a, 0) == extent(b, 0);
  }
  return extent(matrix, 0) == extent(a, 0) && extent(matrix, 1) == extent(b, 1) &&
         extent(a, 1) == extent(b, 0);
}

std::string wrong_kind(const GgufHeader& adapter, const GgufHeader& whole,
                       const std::string& model) {
  if (value_of(adapter, "general.type") != "adapter") return "it is not an adapter (general.type)";
  const std::string type = value_of(adapter, "adapter.type");
  if (type != "lora") return fmt::format("its adapter.type is '{}', not lora", type);
  if (adapter.metadata.contains("adapter.alora.invocation_tokens")) {
    return "it is an activated LoRA, which only acts behind certain tokens";
  }
  if (adapter.facts.architecture != whole.facts.architecture) {
    return fmt::format("it is for the architecture {}, the model {} is {}",
                       adapter.facts.architecture, model, whole.facts.architecture);
  }
  return "";
}

}  // namespace

Status check_adapter(const GgufHeader& adapter, const GgufHeader& whole, const std::string& model,
                     const std::string& path) {
  const auto bad = [&path](std::string why) {
    return fail(Code::InvalidRequest, Message::BadModelFile, {path, std::move(why), "0"});
  };
  if (std::string why = wrong_kind(adapter, whole, model); !why.empty()) return bad(why);
  std::map<std::string_view, Pair> pairs;
  for (const GgufTensor& tensor : adapter.tensors) {
    const std::string_view name = tensor.name;
    if (name.ends_with(kSuffixA)) {
      pairs[name.substr(0, name.size() - kSuffixA.size())].a = &tensor;
    } else if (name.ends_with(kSuffixB)) {
      pairs[name.substr(0, name.size() - kSuffixB.size())].b = &tensor;
    } else if (!name.ends_with("_norm.weight")) {  // those are left out by llama.cpp
      return bad(fmt::format("the tensor '{}' is neither lora_a nor lora_b", name));
    }
  }
  if (pairs.empty()) return bad("it has no lora_a and lora_b");
  std::map<std::string_view, const GgufTensor*> matrices;
  for (const GgufTensor& tensor : whole.tensors) matrices.emplace(tensor.name, &tensor);
  for (const auto& [name, pair] : pairs) {
    if (pair.a == nullptr || pair.b == nullptr) {
      return bad(fmt::format("'{}' has only one of lora_a and lora_b", name));
    }
    const auto matrix = matrices.find(name);
    if (matrix == matrices.end()) {
      return bad(fmt::format("the model {} has no tensor '{}'", model, name));
    }
    if (!fits(pair, *matrix->second)) {
      return bad(fmt::format("'{}' has another shape than in the model {}", name, model));
    }
  }
  return {};
}

}  // namespace xc::catalog
