#include "catalog/fit.h"

#include <algorithm>

#include "catalog/gguf_types.h"

namespace xc::catalog {
namespace {

constexpr std::uint64_t kMebibyte = 1u << 20;
constexpr std::uint64_t kCellsStep = 256;  // llama.cpp rounds the cache up to this

// Measured on libllama of the pinned source, CPU backend: buffers reserved for ubatch 256–2048 are
// batch × (vocabulary + 2 × width) × 4 bytes, 0–4.3 % more; a margin of 5 % covers them.
constexpr std::uint64_t kActivationRows = 2;
constexpr std::uint64_t kComputeMarginPercent = 5;
// Measured: 17 MiB of heap with 49,152 tokens, 47 MiB with 151,936, beside 6 MiB of program.
constexpr std::uint64_t kBytesPerToken = 330;
constexpr std::uint64_t kProcessBytes = 24 * kMebibyte;

// a × b, or the largest value: sizes from hostile files must not wrap round to small ones.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

std::uint64_t row_bytes(std::uint64_t elements, const TensorType& type) {
  const std::uint64_t blocks = (elements + type.block_elements - 1) / type.block_elements;
  return times(blocks, type.block_bytes);
}

}  // namespace

std::uint64_t Need::total() const {
  return plus(plus(weights_bytes, kv_bytes), plus(compute_bytes, process_bytes));
}

std::uint64_t kv_bytes_per_token(const GgufFacts& facts, std::string_view kv_type) {
  const TensorType* known = tensor_type(kv_type);
  const TensorType& type = known != nullptr ? *known : *tensor_type("f16");
  if (facts.recurrent || facts.embedding_only) return 0;
  std::uint64_t bytes = 0;
  for (const std::uint32_t heads : facts.heads_kv) {
    if (facts.kv_lora_rank != 0) {
      const std::uint64_t latent = std::uint64_t{facts.kv_lora_rank} + facts.rope_dim;
      bytes = plus(bytes, row_bytes(latent, type));
      continue;
    }
    bytes = plus(bytes, row_bytes(times(heads, facts.head_dim_k), type));
    bytes = plus(bytes, row_bytes(times(heads, facts.head_dim_v), type));
  }
  return bytes;
}

// Weights count once: a backend that repacks them keeps a second copy, but then the mapped pages
// of the first are never touched again and the kernel drops them when memory is short.
Need need_of(const GgufFacts& facts, std::uint64_t cells, std::string_view kv_type,
             std::uint32_t batch, std::uint64_t projector_bytes) {
  Need need;
  need.weights_bytes = plus(facts.tensor_bytes, projector_bytes);
  const std::uint64_t rounded = plus(cells, kCellsStep - 1) / kCellsStep * kCellsStep;
  need.kv_bytes = times(kv_bytes_per_token(facts, kv_type), rounded);
  const std::uint64_t floats = std::uint64_t{facts.vocabulary} + kActivationRows * facts.embedding;
  need.compute_bytes = times(times(floats, 4), batch);
  need.compute_bytes = plus(need.compute_bytes, need.compute_bytes / 100 * kComputeMarginPercent);
  need.process_bytes = kProcessBytes + std::uint64_t{facts.vocabulary} * kBytesPerToken;
  return need;
}

}  // namespace xc::catalog
