// config.json as one struct: the same fact under the names that the families give it. Numbers are
// bounded here, so that products of them fit 64 bits everywhere else. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::convert {

struct RopeScaling {
  std::string type;  // "" when there is none; "yarn", "llama3", "linear", "telechat3-yarn" …
  double factor = 1;
  std::uint32_t original_context = 0;
  double beta_fast = 32, beta_slow = 1;
  double mscale = 1, mscale_all_dim = 0;
  double low_freq_factor = 1, high_freq_factor = 4;
  std::optional<double> attention_factor;
};

struct HfConfig {
  std::string model_type, name;
  std::uint32_t layers = 0, hidden = 0, heads = 0, heads_kv = 0, head_dim = 0, ffn = 0, vocab = 0;
  std::uint32_t context = 0;
  double norm_eps = 0;                   // rms_norm_eps, else layer_norm_epsilon
  std::optional<double> layer_norm_eps;  // under the second name, whatever the first says
  double rope_theta = 10'000;
  RopeScaling rope;
  std::optional<bool> tied;  // tie_word_embeddings; absent: the family decides
  std::string activation;    // "silu"; empty when not said

  // MLA; kv_lora 0: ordinary attention.
  std::uint32_t kv_lora = 0, q_lora = 0, nope_dim = 0, rope_dim = 0, value_dim = 0;
  bool rope_interleaved = true;

  // Mixture of experts; experts 0: dense.
  std::uint32_t experts = 0, experts_used = 0, experts_shared = 0, expert_ffn = 0;
  std::uint32_t dense_layers = 0, moe_every = 1;
  std::uint32_t groups = 0, groups_used = 0;
  std::string scoring, topk_method;
  std::optional<bool> norm_topk;
  double routed_scale = 1;
  std::uint32_t mtp_layers = 0;

  // TeleChat: its length-dependent rotary base, and what 52B scales.
  std::optional<std::uint32_t> base_length, trained_length;
  double mup_scale = 1, output_scale = 1, input_scale = 1;
  bool post_norm_residual = false, embed_norm = false;

  std::uint32_t fp8_block_rows = 0, fp8_block_cols = 0;
  std::string quantization;  // quant_method; empty: none
  std::uint32_t sliding_window = 0;
  std::string foreign;  // a field that is set and means arithmetic of other families

  std::optional<std::uint32_t> bos, eos, pad, unk;
};

// Error: BadCheckpoint {"config.json", the field and what was expected}.
Result<HfConfig> parse_config(std::string_view text);

}  // namespace xc::convert
