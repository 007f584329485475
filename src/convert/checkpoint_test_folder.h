// Writes checkpoint folders for tests: right by default, wrong on demand by giving other bytes.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "base/test_folder.h"

namespace xc::convert {

struct TestTensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values = {};  // empty: 0.001, 0.002 …
  std::string dtype = "F32";
  std::string raw = {};  // instead of values
};

inline std::string with_length(const std::string& header) {
  std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header;
}

inline std::string safetensors_bytes(const std::map<std::string, TestTensor>& tensors) {
  std::string header = "{", data;
  for (const auto& [name, tensor] : tensors) {
    std::string bytes = tensor.raw;
    if (bytes.empty()) {
      const std::uint64_t count = std::accumulate(tensor.shape.begin(), tensor.shape.end(),
                                                  std::uint64_t{1}, std::multiplies<>());
      for (std::uint64_t i = 0; i < count; ++i) {
        const float value = tensor.values.empty() ? 0.001f * static_cast<float>(i + 1)
                                                  : tensor.values[i % tensor.values.size()];
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
      }
    }
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          header.size() > 1 ? "," : "", name, tensor.dtype,
                          fmt::join(tensor.shape, ","), data.size(), data.size() + bytes.size());
    data += bytes;
  }
  return with_length(header + "}") + data;
}

class CheckpointFolder : public TestFolder {
 public:
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  bool has(const std::string& name) const { return std::filesystem::exists(path(name)); }
};

inline const std::string kTinyConfig = R"({"model_type":"telechat","n_layer":1,"n_head":2,
  "num_key_value_heads":1,"hidden_size":8,"ffn_hidden_size":32,"vocab_size":12,
  "layer_norm_epsilon":1e-6,"training_seqlen":8192,"base_seqlen":8192,
  "tie_word_embeddings":false})";

// TeleChat2's names, one layer, two query heads on one key head.
inline std::map<std::string, TestTensor> tiny_tensors() {
  const std::string p = "transformer.h.0.";
  return {{"transformer.word_embeddings.weight", {{12, 8}}},
          {p + "input_layernorm.weight", {{8}}},
          {p + "post_attention_layernorm.weight", {{8}}},
          {p + "self_attention.query.weight", {{8, 8}}},
          {p + "self_attention.key_value.weight", {{8, 8}}},
          {p + "self_attention.dense.weight", {{8, 8}}},
          {p + "self_attention.dense.bias", {{8}}},
          {p + "mlp.gate_proj.weight", {{32, 8}}},
          {p + "mlp.up_proj.weight", {{32, 8}}},
          {p + "mlp.down_proj.weight", {{8, 32}}},
          {p + "mlp.down_proj.bias", {{8}}},
          {"transformer.ln_f.weight", {{8}}},
          {"lm_head.weight", {{12, 8}}}};
}

// Byte-level, three tokens; the rest of the vocabulary is padding.
inline const std::string kTinyTokenizer = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},
  "merges":["a b"]},"pre_tokenizer":{"type":"ByteLevel"},
  "added_tokens":[{"id":3,"content":"<end>","special":true}]})";

inline void write_tiny(const CheckpointFolder& folder) {
  folder.write("config.json", kTinyConfig);
  folder.write("tokenizer.json", kTinyTokenizer);
  folder.write("model.safetensors", safetensors_bytes(tiny_tensors()));
}

}  // namespace xc::convert
