#include "convert/tables.h"

namespace xc::convert {
namespace {

// --- Llama's names ---
constexpr Rule kLlamaHead[] = {
    {"model.embed_tokens.weight", "VE", "token_embd.weight", "VE", Op::Copy, kEmbedding},
    {"model.norm.weight", "E", "output_norm.weight", "E", Op::Copy, kExact | kLogits},
    {"lm_head.weight", "VE", "output.weight", "VE", Op::Copy, kOptional},
};
constexpr Rule kLlamaLayer[] = {
    {"model.layers.{i}.input_layernorm.weight", "E", "blk.{i}.attn_norm.weight", "E", Op::Copy,
     kExact},
    {"model.layers.{i}.self_attn.q_proj.weight", "QE", "blk.{i}.attn_q.weight", "QE", Op::TurnQ},
    {"model.layers.{i}.self_attn.k_proj.weight", "KE", "blk.{i}.attn_k.weight", "KE", Op::TurnK},
    {"model.layers.{i}.self_attn.v_proj.weight", "KE", "blk.{i}.attn_v.weight", "KE"},
    {"model.layers.{i}.self_attn.o_proj.weight", "EQ", "blk.{i}.attn_output.weight", "EQ"},
    {"model.layers.{i}.self_attn.q_proj.bias", "Q", "blk.{i}.attn_q.bias", "Q", Op::TurnQ,
     kOptional | kExact},
    {"model.layers.{i}.self_attn.k_proj.bias", "K", "blk.{i}.attn_k.bias", "K", Op::TurnK,
     kOptional | kExact},
    {"model.layers.{i}.self_attn.v_proj.bias", "K", "blk.{i}.attn_v.bias", "K", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.self_attn.o_proj.bias", "E", "blk.{i}.attn_output.bias", "E", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.self_attn.q_norm.weight", "D", "blk.{i}.attn_q_norm.weight", "D", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.self_attn.k_norm.weight", "D", "blk.{i}.attn_k_norm.weight", "D", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.post_attention_layernorm.weight", "E", "blk.{i}.ffn_norm.weight", "E",
     Op::Copy, kExact},
};
constexpr Rule kLlamaDense[] = {
    {"model.layers.{i}.mlp.gate_proj.weight", "FE", "blk.{i}.ffn_gate.weight", "FE"},
    {"model.layers.{i}.mlp.up_proj.weight", "FE", "blk.{i}.ffn_up.weight", "FE"},
    {"model.layers.{i}.mlp.down_proj.weight", "EF", "blk.{i}.ffn_down.weight", "EF"},
    {"model.layers.{i}.mlp.gate_proj.bias", "F", "blk.{i}.ffn_gate.bias", "F", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.mlp.up_proj.bias", "F", "blk.{i}.ffn_up.bias", "F", Op::Copy,
     kOptional | kExact},
    {"model.layers.{i}.mlp.down_proj.bias", "E", "blk.{i}.ffn_down.bias", "E", Op::Copy,
     kOptional | kExact},
};

// --- TeleChat's names ---
constexpr Rule kTelechatHead[] = {
    {"word_embeddings.weight", "VE", "token_embd.weight", "VE", Op::Copy, kEmbedding},
    {"ln_f.weight", "E", "output_norm.weight", "E", Op::Copy, kExact | kLogits},
    {"lm_head.weight", "VE", "output.weight", "VE", Op::Copy, kOptional},
};
constexpr Rule kTelechatLayer[] = {
    {"h.{i}.input_layernorm.weight", "E", "blk.{i}.attn_norm.weight", "E", Op::Copy, kExact},
    {"h.{i}.self_attention.query.weight", "QE", "blk.{i}.attn_q.weight", "QE", Op::TurnQ},
    {"h.{i}.self_attention.key_value.weight", "BE", "blk.{i}.attn_k.weight", "KE", Op::PairKey},
    {"h.{i}.self_attention.key_value.weight", "BE", "blk.{i}.attn_v.weight", "KE", Op::PairValue},
    {"h.{i}.self_attention.dense.weight", "EQ", "blk.{i}.attn_output.weight", "EQ"},
    {"h.{i}.self_attention.dense.bias", "E", "blk.{i}.attn_output.bias", "E", Op::Copy,
     kOptional | kExact},
    {"h.{i}.post_attention_layernorm.weight", "E", "blk.{i}.ffn_norm.weight", "E", Op::Copy,
     kExact},
};
constexpr Rule kTelechatDense[] = {
    {"h.{i}.mlp.gate_proj.weight", "FE", "blk.{i}.ffn_gate.weight", "FE"},
    {"h.{i}.mlp.up_proj.weight", "FE", "blk.{i}.ffn_up.weight", "FE"},
    {"h.{i}.mlp.down_proj.weight", "EF", "blk.{i}.ffn_down.weight", "EF"},
    {"h.{i}.mlp.down_proj.bias", "E", "blk.{i}.ffn_down.bias", "E", Op::Copy, kOptional | kExact},
};
// The router's name in the released 39B-A12B was not seen; these are what its relatives use.
constexpr Rule kTelechatMoe[] = {
    {"h.{i}.mlp.gate.weight|h.{i}.mlp.router.weight|"
     "h.{i}.mlp.router.gate.weight|h.{i}.mlp.gate.wg.weight",
     "XE", "blk.{i}.ffn_gate_inp.weight", "XE", Op::Copy, kExact},
    {"h.{i}.mlp.experts.{e}.gate_proj.weight", "ME", "blk.{i}.ffn_gate_exps.weight", "XME"},
    {"h.{i}.mlp.experts.{e}.up_proj.weight", "ME", "blk.{i}.ffn_up_exps.weight", "XME"},
    {"h.{i}.mlp.experts.{e}.down_proj.weight", "EM", "blk.{i}.ffn_down_exps.weight", "XEM"},
};

// --- TeleChat-52B: GPT-2's names and its Conv1D ---
constexpr Rule kConvHead[] = {
    {"wte.weight", "VE", "token_embd.weight", "VE", Op::Copy, kEmbedding},
    {"ln_f.weight", "E", "output_norm.weight", "E", Op::Copy, kExact | kLogits},
    {"lm_head.weight", "VE", "output.weight", "VE", Op::Copy, kOptional},
};
constexpr Rule kConvLayer[] = {
    {"h.{i}.ln_1.weight", "E", "blk.{i}.attn_norm.weight", "E", Op::Copy, kExact},
    {"h.{i}.attn.c_attn.weight", "ET", "blk.{i}.attn_q.weight", "QE", Op::FusedQ},
    {"h.{i}.attn.c_attn.weight", "ET", "blk.{i}.attn_k.weight", "KE", Op::FusedK},
    {"h.{i}.attn.c_attn.weight", "ET", "blk.{i}.attn_v.weight", "KE", Op::FusedV},
    {"h.{i}.attn.c_proj.weight", "QE", "blk.{i}.attn_output.weight", "EQ", Op::Transpose},
    {"h.{i}.ln_2.weight", "E", "blk.{i}.ffn_norm.weight", "E", Op::Copy, kExact},
};
constexpr Rule kConvDense[] = {
    {"h.{i}.mlp.c_fc.weight", "EG", "blk.{i}.ffn_gate.weight", "FE", Op::FusedGate},
    {"h.{i}.mlp.c_fc.weight", "EG", "blk.{i}.ffn_up.weight", "FE", Op::FusedUp},
    {"h.{i}.mlp.c_proj.weight", "FE", "blk.{i}.ffn_down.weight", "EF", Op::Transpose},
};

// --- DeepSeek's multi-head latent attention ---
constexpr Rule kMlaLayer[] = {
    {"model.layers.{i}.input_layernorm.weight", "E", "blk.{i}.attn_norm.weight", "E", Op::Copy,
     kExact},
    {"model.layers.{i}.self_attn.q_proj.weight", "HE", "blk.{i}.attn_q.weight", "HE", Op::MlaQuery,
     kOptional},
    {"model.layers.{i}.self_attn.q_a_proj.weight", "RE", "blk.{i}.attn_q_a.weight", "RE", Op::Copy,
     kOptional},
    {"model.layers.{i}.self_attn.q_a_layernorm.weight", "R", "blk.{i}.attn_q_a_norm.weight", "R",
     Op::Copy, kOptional | kExact},
    {"model.layers.{i}.self_attn.q_b_proj.weight", "HR", "blk.{i}.attn_q_b.weight", "HR",
     Op::MlaQuery, kOptional},
    {"model.layers.{i}.self_attn.kv_a_proj_with_mqa.weight", "PE", "blk.{i}.attn_kv_a_mqa.weight",
     "PE", Op::MlaKvA},
    {"model.layers.{i}.self_attn.kv_a_layernorm.weight", "L", "blk.{i}.attn_kv_a_norm.weight", "L",
     Op::Copy, kExact},
    {"model.layers.{i}.self_attn.kv_b_proj.weight", "UL", "blk.{i}.attn_k_b.weight", "NLn",
     Op::MlaKey},
    {"model.layers.{i}.self_attn.kv_b_proj.weight", "UL", "blk.{i}.attn_v_b.weight", "NvL",
     Op::MlaValue},
    {"model.layers.{i}.self_attn.o_proj.weight", "EO", "blk.{i}.attn_output.weight", "EO"},
    {"model.layers.{i}.post_attention_layernorm.weight", "E", "blk.{i}.ffn_norm.weight", "E",
     Op::Copy, kExact},
};
constexpr Rule kMlaMoe[] = {
    {"model.layers.{i}.mlp.gate.weight", "XE", "blk.{i}.ffn_gate_inp.weight", "XE", Op::Copy,
     kExact},
    {"model.layers.{i}.mlp.gate.e_score_correction_bias", "X", "blk.{i}.exp_probs_b.bias", "X",
     Op::Copy, kOptional | kExact},
    {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight", "ME", "blk.{i}.ffn_gate_exps.weight",
     "XME"},
    {"model.layers.{i}.mlp.experts.{e}.up_proj.weight", "ME", "blk.{i}.ffn_up_exps.weight", "XME"},
    {"model.layers.{i}.mlp.experts.{e}.down_proj.weight", "EM", "blk.{i}.ffn_down_exps.weight",
     "XEM"},
    {"model.layers.{i}.mlp.shared_experts.gate_proj.weight", "SE", "blk.{i}.ffn_gate_shexp.weight",
     "SE"},
    {"model.layers.{i}.mlp.shared_experts.up_proj.weight", "SE", "blk.{i}.ffn_up_shexp.weight",
     "SE"},
    {"model.layers.{i}.mlp.shared_experts.down_proj.weight", "ES", "blk.{i}.ffn_down_shexp.weight",
     "ES"},
};
constexpr Rule kMlaMtp[] = {
    {"model.layers.{i}.enorm.weight", "E", "blk.{i}.nextn.enorm.weight", "E", Op::Copy, kExact},
    {"model.layers.{i}.hnorm.weight", "E", "blk.{i}.nextn.hnorm.weight", "E", Op::Copy, kExact},
    {"model.layers.{i}.eh_proj.weight", "EW", "blk.{i}.nextn.eh_proj.weight", "EW"},
    {"model.layers.{i}.embed_tokens.weight", "VE", "blk.{i}.nextn.embed_tokens.weight", "VE",
     Op::Copy, kOptional},
    {"model.layers.{i}.shared_head.head.weight", "VE", "blk.{i}.nextn.shared_head_head.weight",
     "VE", Op::Copy, kOptional},
    {"model.layers.{i}.shared_head.norm.weight", "E", "blk.{i}.nextn.shared_head_norm.weight", "E",
     Op::Copy, kOptional | kExact},
};

}  // namespace

const Family kLlamaFamily{"", kLlamaHead, kLlamaLayer, kLlamaDense, {}, {}, false};
const Family kTelechatFamily{
    "transformer.", kTelechatHead, kTelechatLayer, kTelechatDense, kTelechatMoe, {}, true};
const Family kConvFamily{"transformer.", kConvHead, kConvLayer, kConvDense, {}, {}, true};
const Family kMlaFamily{"", kLlamaHead, kMlaLayer, kLlamaDense, kMlaMoe, kMlaMtp, false};

}  // namespace xc::convert
