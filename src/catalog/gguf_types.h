// Tables of facts about GGUF: tensor types (ggml.h, enum ggml_type), file types (llama.h, enum
// llama_ftype), and the architectures that are not ordinary decoders. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace xc::catalog {

struct TensorType {
  std::uint32_t id;
  std::string_view name;
  std::uint32_t block_elements;  // a row is a whole number of blocks
  std::uint32_t block_bytes;
};
// nullptr: unknown or removed from the format.
const TensorType* tensor_type(std::uint32_t id);
const TensorType* tensor_type(std::string_view name);  // "f16", "Q8_0": case-insensitive

// "Q4_K_M" of general.file_type; empty when unknown.
std::string_view quantization_name(std::uint32_t file_type);

// State of constant size instead of a KV cache (mamba, rwkv). Hybrids are not in this list: their
// files say a layer at a time how many KV heads there are.
bool is_recurrent_architecture(std::string_view name);
// Encoders: text in, vectors out.
bool is_embedding_architecture(std::string_view name);

}  // namespace xc::catalog
