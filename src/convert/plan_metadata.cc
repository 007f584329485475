// The planner's second half: the architecture's metadata, in llama.cpp's keys.
#include <fmt/format.h>

#include <algorithm>

#include "convert/planner.h"
#include "convert/rope.h"

namespace xc::convert {

Status Planner::add_attention() {
  // TeleChat's code reads layer_norm_epsilon; a rms_norm_eps beside it is there for others.
  const double eps =
      family_->telechat ? config_.layer_norm_eps.value_or(config_.norm_eps) : config_.norm_eps;
  add("attention.layer_norm_rms_epsilon", static_cast<float>(eps));
  add("attention.head_count", config_.heads);
  if (config_.kv_lora == 0) {
    add("attention.head_count_kv", config_.heads_kv);
    add("attention.key_length", config_.head_dim);
    add("attention.value_length", config_.head_dim);
    add("rope.dimension_count", config_.head_dim);
    return {};
  }
  // llama.cpp runs latent attention as one KV head that every query head shares.
  add("attention.head_count_kv", 1u);
  if ((config_.layers == 26 || config_.layers == 27) && config_.q_lora != 0) {
    return unknown_model(
        "26 or 27 layers with q_lora_rank: llama.cpp takes them for the lite variant");
  }
  add("attention.q_lora_rank", config_.q_lora);
  add("attention.kv_lora_rank", config_.kv_lora);
  add("attention.key_length", config_.kv_lora + config_.rope_dim);
  add("attention.value_length", config_.kv_lora);
  add("attention.key_length_mla", config_.nope_dim + config_.rope_dim);
  add("attention.value_length_mla", config_.value_dim);
  add("rope.dimension_count", config_.rope_dim);
  return {};
}

Status Planner::add_experts() {
  const bool mla = config_.kv_lora != 0;
  if (mla) {
    add("leading_dense_block_count",
        config_.experts == 0 ? config_.layers + mtp_ : config_.dense_layers);
    add("expert_feed_forward_length", config_.experts == 0 ? config_.ffn : config_.expert_ffn);
    add("expert_shared_count", config_.experts_shared);
    if (mtp_ != 0) add("nextn_predict_layers", mtp_);
  }
  if (config_.experts == 0) return {};
  add("expert_count", config_.experts);
  add("expert_used_count", config_.experts_used);
  const bool sigmoid = config_.scoring == "sigmoid";
  if (!sigmoid && !config_.scoring.empty() && config_.scoring != "softmax") {
    return unknown_model(fmt::format("scoring_func '{}'", config_.scoring));
  }
  if (!mla) {
    // llama.cpp's llama takes softmax over all experts and renormalises the chosen ones.
    if (sigmoid || !config_.norm_topk.value_or(true) || config_.groups > 1 ||
        config_.experts_shared != 0 || config_.dense_layers != 0) {
      return unknown_model("experts other than softmax, renormalised, in every layer, none shared");
    }
    if (config_.routed_scale != 1)
      add("expert_weights_scale", static_cast<float>(config_.routed_scale));
    return {};
  }
  if (config_.experts_shared == 0)
    return unknown_model("latent attention with experts, none shared");
  add("expert_gating_func", sigmoid ? 2u : 1u);
  add("expert_weights_scale", static_cast<float>(config_.routed_scale));
  add("expert_weights_norm", config_.norm_topk.value_or(false));
  if (config_.groups <= 1 || config_.groups_used == 0 || config_.groups_used >= config_.groups) {
    return {};  // every group may be used: no limit to express
  }
  if (config_.experts % config_.groups != 0 || config_.experts / config_.groups < 2) {
    return unknown_model(fmt::format("{} experts in {} groups", config_.experts, config_.groups));
  }
  if (config_.topk_method == "group_limited_greedy") {
    plan_.notes.push_back(
        "group_limited_greedy chooses groups by their best expert; llama.cpp knows only the sum of "
        "the best two, so some tokens use other experts than the vendor's code");
  }
  add("expert_group_count", config_.groups);
  add("expert_group_used_count", config_.groups_used);
  return {};
}

Status Planner::add_rope() {
  double base = config_.rope_theta;
  std::uint32_t context = options_.context != 0 ? options_.context : config_.context;
  if (family_->telechat) {
    const bool conv = family_ == &kConvFamily;
    const std::uint32_t positions = config_.context != 0 ? config_.context : 8192u;
    const std::uint32_t trained =
        config_.trained_length.value_or(conv ? std::min(positions, 4096u) : 8192u);
    // TeleChat-7B's code has 4096 in it and shares its head with the embedding; the 12B code has
    // its trained length. Releases since TeleChat2 say it in the config.
    const std::uint32_t base_length =
        config_.base_length.value_or(conv || is_tied() ? std::min(4096u, trained) : trained);
    context = options_.context != 0 ? options_.context : trained;
    if (base_length == 0 || trained == 0 || config_.head_dim < 4) {
      return bad_checkpoint("config.json", "base_seqlen and training_seqlen must be positive");
    }
    const NtkRope rope =
        ntk_rope(config_.rope_theta, config_.head_dim, base_length, trained, context, !conv);
    base = rope.base;
    if (rope.magnitude != 1) {
      add("rope.scaling.attn_factor", static_cast<float>(rope.magnitude));
    }
    plan_.notes.push_back(fmt::format(
        "rotary base fixed at {:.6g} (alpha {:g} of base_seqlen {} at length {}, cos and sin x "
        "{:.6g}); the vendor's code changes it with the length: convert again with --context for "
        "longer texts",
        base, rope.alpha, base_length, std::max(context, trained), rope.magnitude));
  }
  add("rope.freq_base", static_cast<float>(base));
  add("context_length", context != 0 ? context : 2048u);
  if (config_.sliding_window != 0 && config_.sliding_window < context) {
    plan_.notes.push_back(
        fmt::format("sliding_window {}: written as full attention, equal up to that length",
                    config_.sliding_window));
  }
  return add_scaling(config_, plan_.architecture + ".", config_.kv_lora != 0, plan_);
}

Status Planner::add_metadata() {
  add("block_count", config_.layers + mtp_);
  add("embedding_length", config_.hidden);
  add("vocab_size", config_.vocab);
  if (config_.ffn != 0 || config_.expert_ffn != 0) {
    const bool stacked = config_.experts != 0 && config_.kv_lora == 0;
    add("feed_forward_length", stacked ? config_.expert_ffn : config_.ffn);
  }
  XC_CHECK(add_attention());
  XC_CHECK(add_experts());
  return add_rope();
}

}  // namespace xc::convert
