// Writes small GGUF files for tests: right by default, and wrong on demand by patching the bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace xc::catalog {

class GgufTestWriter {
 public:
  template <typename T>
  static std::string number(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(std::string_view value) {
    return number<std::uint64_t>(value.size()) + std::string(value);
  }

  GgufTestWriter& add_raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
    keys_ += text(key) + number(type) + std::string(bytes);
    ++key_count_;
    return *this;
  }
  GgufTestWriter& add(std::string_view key, std::uint32_t value) {
    return add_raw(key, 4, number(value));
  }
  GgufTestWriter& add(std::string_view key, float value) { return add_raw(key, 6, number(value)); }
  GgufTestWriter& add(std::string_view key, std::string_view value) {
    return add_raw(key, 8, text(value));
  }
  GgufTestWriter& add(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = number<std::uint32_t>(8) + number<std::uint64_t>(values.size());
    for (const std::string& value : values) bytes += text(value);
    return add_raw(key, 9, bytes);
  }
  GgufTestWriter& add(std::string_view key, const std::vector<std::uint32_t>& values) {
    std::string bytes = number<std::uint32_t>(4) + number<std::uint64_t>(values.size());
    for (const std::uint32_t value : values) bytes += number(value);
    return add_raw(key, 9, bytes);
  }
  // Data is zeros; `bytes` is what the type and shape need.
  GgufTestWriter& add_tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                             std::uint32_t type, std::uint64_t bytes) {
    return add_tensor_at(name, shape, type, bytes, data_.size());
  }
  GgufTestWriter& add_tensor_at(std::string_view name, const std::vector<std::uint64_t>& shape,
                                std::uint32_t type, std::uint64_t bytes, std::uint64_t offset) {
    tensors_ += text(name) + number(static_cast<std::uint32_t>(shape.size()));
    for (const std::uint64_t extent : shape) tensors_ += number(extent);
    tensors_ += number(type) + number(offset);
    data_.append(bytes, '\0');
    pad(data_);
    ++tensor_count_;
    return *this;
  }

  std::string header(std::uint32_t version = 3) const {
    return "GGUF" + number(version) + number(tensor_count_) + number(key_count_) + keys_ + tensors_;
  }
  std::string build(std::uint32_t version = 3) const {
    std::string out = header(version);
    pad(out);
    return out + data_;
  }

  // A whole little model that libllama would recognise as llama, but not run.
  static GgufTestWriter tiny_llama() {
    GgufTestWriter writer;
    writer.add("general.architecture", "llama").add("general.name", "Tiny");
    writer.add("general.file_type", 7u).add("general.license", "mit");
    writer.add("llama.context_length", 4096u).add("llama.embedding_length", 64u);
    writer.add("llama.block_count", 2u).add("llama.attention.head_count", 4u);
    writer.add("llama.attention.head_count_kv", 2u);
    writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "b"});
    writer.add("tokenizer.chat_template", "{% if tools %}{{ messages }}");
    writer.add_tensor("token_embd.weight", {64, 3}, 8, 64 * 3 / 32 * 34);
    writer.add_tensor("output_norm.weight", {64}, 0, 256);
    return writer;
  }

 private:
  static void pad(std::string& bytes) { bytes.resize((bytes.size() + 31) / 32 * 32, '\0'); }

  std::string keys_, tensors_, data_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0;
};

}  // namespace xc::catalog
