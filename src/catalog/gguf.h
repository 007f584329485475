// Reads a GGUF header (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) without loading
// tensors: what the model is, and whether the file is whole. Bounded by limits::kGguf…; every
// length is checked against the file before it is used. Versions 2 and 3, little-endian.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace xc::catalog {

struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // innermost first, as in the file
  std::uint32_t type = 0;            // ggml_type
  std::uint64_t offset = 0;          // bytes from the start of the data section
  std::uint64_t bytes = 0;
};

// What the rest of the program asks of a model. Zero or empty: the file does not say.
struct GgufFacts {
  std::string architecture;  // "llama", "qwen2", …; "clip" for projectors
  std::string name;
  std::string quantization;  // "Q4_K_M", from general.file_type
  std::string licence;
  std::uint64_t parameters = 0;  // counted from tensors
  std::uint64_t file_bytes = 0;
  std::uint64_t tensor_bytes = 0;
  std::uint32_t context = 0;    // trained length, tokens
  std::uint32_t embedding = 0;  // width
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::vector<std::uint32_t> heads_kv;  // a layer each (all equal in most models)
  std::uint32_t head_dim_k = 0, head_dim_v = 0;
  std::uint32_t kv_lora_rank = 0, rope_dim = 0;  // MLA: latent width and rope part
  std::uint32_t vocabulary = 0;
  std::uint32_t experts = 0, experts_used = 0;
  std::uint32_t sliding_window = 0;
  std::uint32_t pooling = 0;  // 0 none/absent, 1 mean, 2 cls, 3 last, 4 rank
  bool has_chat_template = false;
  bool template_has_tools = false;  // the chat template speaks of tools
  bool has_infill = false;
  bool recurrent = false;       // no KV cache that grows: mamba, rwkv
  bool embedding_only = false;  // bert-like
};

struct GgufHeader {
  GgufFacts facts;
  std::map<std::string, std::string> metadata;  // scalars and short strings as text, for `show`
  std::vector<GgufTensor> tensors;
  std::uint64_t data_offset = 0;
};

// Error: FileMissing, FileError, BadModelFile {path, reason, byte}.
Result<GgufHeader> read_gguf(const std::string& path);
// The same on bytes in memory; `file_bytes` is the size that tensors are checked against.
Result<GgufHeader> read_gguf(std::string_view bytes, std::uint64_t file_bytes,
                             const std::string& name_for_errors);

}  // namespace xc::catalog
