// How much memory a model needs before it is loaded, and whether it fits here. Pure but for
// memory_here(); thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "catalog/gguf.h"

namespace xc::catalog {

struct Need {
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_bytes = 0;       // context × concurrency cells
  std::uint64_t compute_bytes = 0;  // graph buffers, logits
  std::uint64_t process_bytes = 0;  // the worker itself
  std::uint64_t total() const;      // saturates: a hostile header must not wrap to a small need
};

// Bytes of KV cache for one token: Σ over layers heads_kv × (dim_k × size_k + dim_v × size_v);
// MLA: layers × (kv_lora_rank + rope_dim) × size. kv_type: "f16", "bf16", "f32", "q8_0", "q4_0";
// an unknown type counts as f16. Sliding-window layers count whole: an upper bound.
std::uint64_t kv_bytes_per_token(const GgufFacts& facts, std::string_view kv_type);
// cells: KV cells in all (tokens that may be live at once); batch: tokens a step.
Need need_of(const GgufFacts& facts, std::uint64_t cells, std::string_view kv_type,
             std::uint32_t batch, std::uint64_t projector_bytes);

struct Memory {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // MemAvailable, bounded by the cgroup's limit
};
Memory memory_here();
Memory memory_at(const std::string& root);  // the same with another root for /proc and /sys

}  // namespace xc::catalog
