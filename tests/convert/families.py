"""Tiny random checkpoints of every family in the vendors' layout: config, tensor names, shapes, oddities."""

import numpy as np

VOCABULARY = 320


class Weights:
    """Tensors by name, normal numbers scaled by their fan-in; norms near 1."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.tensors = {}

    def linear(self, name, *shape, fan=None, gain=1.0):
        scale = gain / np.sqrt(fan or shape[-1])
        self.tensors[name] = (self.random.standard_normal(shape) * scale).astype(np.float32)

    def norm(self, name, size):
        self.tensors[name] = (1 + 0.2 * self.random.standard_normal(size)).astype(np.float32)

    def bias(self, name, size, scale=0.3):
        self.tensors[name] = (scale * self.random.standard_normal(size)).astype(np.float32)


def llama(seed=1, *, kv=2, bias=False, qk_norm=False, tied=False, head_dim=16, hidden=64, scaling=None,
          theta=10000.0, eps=1e-5, model_type="llama"):
    heads, ffn, layers = 4, 96, 2
    config = {"model_type": model_type, "hidden_size": hidden, "num_hidden_layers": layers,
              "num_attention_heads": heads, "num_key_value_heads": kv, "intermediate_size": ffn,
              "vocab_size": VOCABULARY, "rms_norm_eps": eps, "rope_theta": theta, "max_position_embeddings": 512,
              "hidden_act": "silu", "tie_word_embeddings": tied, "head_dim": head_dim}
    if scaling:
        config["rope_scaling"] = scaling
    w = Weights(seed)
    w.linear("model.embed_tokens.weight", VOCABULARY, hidden, fan=1, gain=0.25 if tied else 1.0)
    for i in range(layers):
        p = f"model.layers.{i}."
        w.norm(p + "input_layernorm.weight", hidden)
        w.norm(p + "post_attention_layernorm.weight", hidden)
        for name, rows in (("q", heads), ("k", kv), ("v", kv)):
            w.linear(f"{p}self_attn.{name}_proj.weight", rows * head_dim, hidden, gain=1.5)
            if bias:
                w.bias(f"{p}self_attn.{name}_proj.bias", rows * head_dim)
        w.linear(p + "self_attn.o_proj.weight", hidden, heads * head_dim)
        if qk_norm:
            w.norm(p + "self_attn.q_norm.weight", head_dim)
            w.norm(p + "self_attn.k_norm.weight", head_dim)
        w.linear(p + "mlp.gate_proj.weight", ffn, hidden)
        w.linear(p + "mlp.up_proj.weight", ffn, hidden)
        w.linear(p + "mlp.down_proj.weight", hidden, ffn)
    w.norm("model.norm.weight", hidden)
    if not tied:
        w.linear("lm_head.weight", VOCABULARY, hidden)
    return config, w.tensors


def telechat(seed=2, *, heads=4, kv=None, hidden=64, tied=False, experts=0, eps=1e-5,
             vocabulary=VOCABULARY, ffn=96, prefix="transformer.", **fields):
    """`prefix`: of every name but the head's; the index of the released 7B has none."""
    dim, layers = hidden // heads, 2
    groups = kv or heads
    config = {"model_type": "telechat", "hidden_size": hidden, "n_layer": layers, "n_head": heads,
              "ffn_hidden_size": ffn, "vocab_size": vocabulary, "layer_norm_epsilon": eps,
              "apply_residual_connection_post_layernorm": False, "embed_layernorm": False, "logn": False, **fields}
    if kv:
        config["num_key_value_heads"] = kv
    if not tied:
        config["tie_word_embeddings"] = False
    w = Weights(seed)
    gain = 0.02 if eps > 1e-3 else 0.25 if tied else 1.0  # a tied head's logits as large as the others'
    w.linear(prefix + "word_embeddings.weight", vocabulary, hidden, fan=1, gain=gain)
    for i in range(layers):
        p = f"{prefix}h.{i}."
        w.norm(p + "input_layernorm.weight", hidden)
        w.norm(p + "post_attention_layernorm.weight", hidden)
        w.linear(p + "self_attention.query.weight", hidden, hidden, gain=1.5)
        w.linear(p + "self_attention.key_value.weight", 2 * groups * dim, hidden, gain=1.5)
        w.linear(p + "self_attention.dense.weight", hidden, hidden)
        w.bias(p + "self_attention.dense.bias", hidden)
        names = [f"experts.{e}." for e in range(experts)] if experts else [""]
        for name in names:
            w.linear(f"{p}mlp.{name}gate_proj.weight", ffn, hidden)
            w.linear(f"{p}mlp.{name}up_proj.weight", ffn, hidden)
            w.linear(f"{p}mlp.{name}down_proj.weight", hidden, ffn)
        if experts:
            w.linear(p + "mlp.gate.weight", experts, hidden)
            config.update(num_experts=experts, num_experts_per_tok=4, moe_intermediate_size=ffn, norm_topk_prob=True)
        else:
            w.bias(p + "mlp.down_proj.bias", hidden)
    w.norm(prefix + "ln_f.weight", hidden)
    if not tied:
        w.linear("lm_head.weight", vocabulary, hidden)
    return config, w.tensors


def conv(seed=3):
    hidden, heads, ffn, layers = 64, 4, 96, 2
    config = {"model_type": "telechat", "n_embd": hidden, "n_head": heads, "n_layer": layers, "n_inner": ffn,
              "n_positions": 4096, "vocab_size": VOCABULARY, "layer_norm_epsilon": 1e-5, "use_mup": True,
              "mup_scale_factor": 64.0, "output_mult": 2.0, "input_mult": 1.0, "tie_word_embeddings": False}
    w = Weights(seed)
    w.linear("transformer.wte.weight", VOCABULARY, hidden, fan=1)
    for i in range(layers):
        p = f"transformer.h.{i}."
        w.norm(p + "ln_1.weight", hidden)
        w.norm(p + "ln_2.weight", hidden)
        w.linear(p + "attn.c_attn.weight", hidden, 3 * hidden, fan=hidden, gain=1.5)
        w.linear(p + "attn.c_proj.weight", hidden, hidden)
        w.linear(p + "mlp.c_fc.weight", hidden, 2 * ffn, fan=hidden)
        w.linear(p + "mlp.c_proj.weight", ffn, hidden, fan=ffn)
    w.norm("transformer.ln_f.weight", hidden)
    w.linear("lm_head.weight", VOCABULARY, hidden, gain=32.0)
    return config, w.tensors


def telechat_stray_head(seed):
    """The 7B config says nothing about the head, which means tied, yet there is one in the file: the embedding counts,
    and so does alpha 3."""
    config, tensors = telechat(seed)
    tensors["transformer.word_embeddings.weight"] *= np.float32(0.25)
    del config["tie_word_embeddings"]
    return config, tensors


DEEPSEEK_YARN = {"type": "yarn", "factor": 4, "original_max_position_embeddings": 64, "beta_fast": 32,
                 "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}


def mla(seed=4, *, hidden=64, q_lora=48, experts=8, groups=4, groups_used=2, scoring="sigmoid", bias=True, norm=True,
        routed_scale=2.5, scaling=None, mtp=0, used=2, **fields):
    heads, nope, rope, value, rank, ffn, expert_ffn, layers = 4, 16, 8, 16, 32, 96, 32, 3
    config = {"model_type": "deepseek_v3", "hidden_size": hidden, "num_hidden_layers": layers,
              "num_attention_heads": heads, "num_key_value_heads": heads, "intermediate_size": ffn,
              "moe_intermediate_size": expert_ffn, "vocab_size": VOCABULARY, "rms_norm_eps": 1e-6,
              "rope_theta": 10000, "max_position_embeddings": 512, "kv_lora_rank": rank,
              "q_lora_rank": q_lora or None, "qk_nope_head_dim": nope, "qk_rope_head_dim": rope,
              "v_head_dim": value, "n_routed_experts": experts, "n_shared_experts": 1, "num_experts_per_tok": used,
              "n_group": groups, "topk_group": groups_used, "first_k_dense_replace": 1, "moe_layer_freq": 1,
              "scoring_func": scoring, "topk_method": "noaux_tc" if bias else "greedy", "norm_topk_prob": norm,
              "routed_scaling_factor": routed_scale, "num_nextn_predict_layers": mtp, "hidden_act": "silu",
              "tie_word_embeddings": False, **fields}
    if scaling:
        config["rope_scaling"] = scaling
    w = Weights(seed)
    w.linear("model.embed_tokens.weight", VOCABULARY, hidden, fan=1)
    for i in range(layers + mtp):
        p = f"model.layers.{i}."
        w.norm(p + "input_layernorm.weight", hidden)
        w.norm(p + "post_attention_layernorm.weight", hidden)
        a = p + "self_attn."
        if q_lora:
            w.linear(a + "q_a_proj.weight", q_lora, hidden)
            w.norm(a + "q_a_layernorm.weight", q_lora)
            w.linear(a + "q_b_proj.weight", heads * (nope + rope), q_lora, gain=1.5)
        else:
            w.linear(a + "q_proj.weight", heads * (nope + rope), hidden, gain=1.5)
        w.linear(a + "kv_a_proj_with_mqa.weight", rank + rope, hidden)
        w.norm(a + "kv_a_layernorm.weight", rank)
        w.linear(a + "kv_b_proj.weight", heads * (nope + value), rank, gain=1.5)
        w.linear(a + "o_proj.weight", hidden, heads * value)
        m = p + "mlp."
        parts = [(m, ffn)]
        if i >= 1:
            parts = [(f"{m}experts.{e}.", expert_ffn) for e in range(experts)] + [(m + "shared_experts.", expert_ffn)]
            w.linear(m + "gate.weight", experts, hidden)
            if bias:
                w.bias(m + "gate.e_score_correction_bias", experts)
        for name, size in parts:
            w.linear(name + "gate_proj.weight", size, hidden)
            w.linear(name + "up_proj.weight", size, hidden)
            w.linear(name + "down_proj.weight", hidden, size)
        if i >= layers:
            w.norm(p + "enorm.weight", hidden)
            w.norm(p + "hnorm.weight", hidden)
            w.linear(p + "eh_proj.weight", hidden, 2 * hidden)
            w.norm(p + "shared_head.norm.weight", hidden)
            w.tensors[p + "embed_tokens.weight"] = w.tensors["model.embed_tokens.weight"]
            w.linear(p + "shared_head.head.weight", VOCABULARY, hidden)
    w.norm("model.norm.weight", hidden)
    w.linear("lm_head.weight", VOCABULARY, hidden)
    return config, w.tensors
