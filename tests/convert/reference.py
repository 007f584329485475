"""Forward passes of the families in numpy, written from their papers, configs and model cards.

Plain and slow on purpose: one function a family, float64, no cache, keys and values uncompressed. Every function
takes the tensors under the vendor's names. `flip` names one trap to fall into, so that a test can show that it would
notice.
"""

import math

import numpy as np


def rms(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def frequencies(dim, base):
    return base ** -(np.arange(0, dim, 2) / dim)


def turn_halves(x, inverse, magnitude=1.0):
    """x [T, H, D]: dimension j pairs with j + D/2 (GPT-NeoX, Llama as published on the hubs)."""
    angle = np.arange(x.shape[0])[:, None, None] * inverse
    cos, sin = np.cos(angle) * magnitude, np.sin(angle) * magnitude
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def turn_pairs(x, inverse, magnitude=1.0):
    """x [T, H, D]: dimension 2j pairs with 2j + 1 (DeepSeek)."""
    angle = np.arange(x.shape[0])[:, None, None] * inverse
    cos, sin = np.cos(angle) * magnitude, np.sin(angle) * magnitude
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 1::2] * cos + x[..., 0::2] * sin
    return out


def attend(q, k, v, scale):
    """Causal; q [T, H, D], k and v [T, G, D]: H/G query heads share a key head."""
    k, v = (np.repeat(t, q.shape[1] // t.shape[1], axis=1) for t in (k, v))
    scores = np.einsum("thd,shd->hts", q, k) * scale
    scores = np.where(np.tri(q.shape[0], dtype=bool), scores, -np.inf)
    return np.einsum("hts,shd->thd", softmax(scores), v).reshape(q.shape[0], -1)


def yarn(dim, base, scaling):
    """Frequencies of YaRN (arXiv 2309.00071), with whole correction dimensions."""
    inverse = frequencies(dim, base)

    def correction(turns):
        return dim * math.log(scaling["original_max_position_embeddings"] / (turns * 2 * math.pi)) / (
            2 * math.log(base))

    low, high = max(math.floor(correction(32)), 0), min(math.ceil(correction(1)), dim - 1)
    ramp = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
    return inverse / scaling["factor"] * ramp + inverse * (1 - ramp)


def llama3(dim, base, scaling):
    inverse = frequencies(dim, base)
    wave = 2 * math.pi / inverse
    low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
    high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
    smooth = (scaling["original_max_position_embeddings"] / wave - scaling["low_freq_factor"]) / (
        scaling["high_freq_factor"] - scaling["low_freq_factor"])
    between = (1 - smooth) * inverse / scaling["factor"] + smooth * inverse
    return np.where(wave > low, inverse / scaling["factor"], np.where(wave < high, inverse, between))


def llama_rope(config, dim, flip):
    base = config.get("rope_theta", 10000.0)
    scaling = config.get("rope_scaling")
    if not scaling:
        return frequencies(dim, base), 1.0
    kind = scaling.get("rope_type") or scaling.get("type")
    if kind == "llama3":
        return (frequencies(dim, base) if flip == "llama3" else llama3(dim, base, scaling)), 1.0
    growth = 0.07 if kind == "telechat3-yarn" and flip != "mscale" else 0.1
    return yarn(dim, base, scaling), 1 + growth * math.log(scaling["factor"])


def llama(config, w, ids, flip=None):
    """Llama, Qwen2 (biases), Qwen3 (norms of queries and keys), TeleChat3 dense."""
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    inverse, magnitude = llama_rope(config, dim, flip)
    turn = turn_pairs if flip == "rope" else turn_halves
    eps = config["rms_norm_eps"]
    x = w["model.embed_tokens.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."

        def linear(y, name):
            return y @ w[p + name + ".weight"].T + w.get(p + name + ".bias", 0)

        h = rms(x, w[p + "input_layernorm.weight"], eps)
        q, k, v = (linear(h, f"self_attn.{n}_proj").reshape(len(ids), -1, dim) for n in "qkv")
        if p + "self_attn.q_norm.weight" in w:
            q = rms(q, w[p + "self_attn.q_norm.weight"], eps)
            k = rms(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = turn(q, inverse, magnitude), turn(k, inverse, magnitude)
        assert k.shape[1] == kv
        x = x + linear(attend(q, k, v, dim**-0.5), "self_attn.o_proj")
        h = rms(x, w[p + "post_attention_layernorm.weight"], eps)
        x = x + linear(silu(linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")
    x = rms(x, w["model.norm.weight"], eps)
    return x @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def telechat_base(config, dim, length, base_length, trained, power=True):
    """Base and magnitude at a length, as TeleChat's modelling code computes them."""
    longest = max(length, trained)
    alpha = max(1, 2 ** math.ceil(math.log2(longest / base_length) + 1) - 1)
    base = config.get("rope_theta", 10000.0) * (alpha ** (dim / (dim - 2)) if power else alpha)
    return base, (1 + 0.1 * math.log(longest / trained) if longest > trained else 1.0)


def telechat(config, w, ids, flip=None, length=0):
    """TeleChat 1 (not 52B) and 2, dense or with experts. `length`: what the conversion was fixed for."""
    heads = config["n_head"]
    kv = config.get("num_key_value_heads") or heads
    dim = config["hidden_size"] // heads
    trained = config.get("training_seqlen", 8192)
    tied = config.get("tie_word_embeddings", True)  # transformers' default, which its config class leaves
    base_length = config.get("base_seqlen") or (4096 if tied else trained)
    if flip == "alpha":
        base_length = trained
    base, magnitude = telechat_base(config, dim, length, base_length, trained)
    if flip == "magnitude":
        magnitude = 1.0
    eps = config.get("layer_norm_epsilon", 1e-5)
    if flip == "eps":
        eps = config.get("rms_norm_eps", 1e-5)
    inverse = frequencies(dim, base)
    scale = 128**-0.5 if flip == "head-128" else dim**-0.5
    prefix = "transformer." if "transformer.ln_f.weight" in w else ""
    x = w[prefix + "word_embeddings.weight"][ids]
    for i in range(config["n_layer"]):
        p = f"{prefix}h.{i}."
        h = rms(x, w[p + "input_layernorm.weight"], eps)
        q = (h @ w[p + "self_attention.query.weight"].T).reshape(len(ids), heads, dim)
        pair = h @ w[p + "self_attention.key_value.weight"].T
        if flip == "interleaved":
            k, v = (t.reshape(len(ids), kv, dim) for t in np.split(pair, 2, axis=-1))
        else:
            k, v = np.moveaxis(pair.reshape(len(ids), kv, 2, dim), 2, 0)
        turn = turn_pairs if flip == "rope" else turn_halves
        q, k = turn(q, inverse, magnitude), turn(k, inverse, magnitude)
        a = attend(q, k, v, scale) @ w[p + "self_attention.dense.weight"].T
        x = x + a + w[p + "self_attention.dense.bias"]
        h = rms(x, w[p + "post_attention_layernorm.weight"], eps)
        x = x + telechat_ffn(config, w, p, h, flip)
    x = rms(x, w[prefix + "ln_f.weight"], eps)
    head = prefix + "word_embeddings.weight" if tied and flip != "stray-head" else "lm_head.weight"
    return x @ w[head].T


def gated(w, name, h):
    return (silu(h @ w[name + "gate_proj.weight"].T) * (h @ w[name + "up_proj.weight"].T)) @ w[
        name + "down_proj.weight"].T


def telechat_ffn(config, w, p, h, flip):
    if not config.get("num_experts"):
        return gated(w, p + "mlp.", h) + w[p + "mlp.down_proj.bias"]
    scores = softmax(h @ w[p + "mlp.gate.weight"].T)
    out = np.zeros_like(h)
    for t in range(len(h)):
        chosen = np.argsort(-scores[t])[: config["num_experts_per_tok"]]
        total = 1.0 if flip == "renormalise" else scores[t, chosen].sum()
        for e in chosen:
            out[t] += scores[t, e] / total * gated(w, f"{p}mlp.experts.{e}.", h[t])
    return out


def conv(config, w, ids, flip=None, length=0):
    """TeleChat-52B: GPT-2's layout with Conv1D [in, out], RMSNorm, rotary halves, SwiGLU, muP's logit scale."""
    heads, dim = config["n_head"], config["n_embd"] // config["n_head"]
    trained = min(config["n_positions"], 4096)
    base, magnitude = telechat_base(config, dim, length, trained, trained, power=False)
    inverse, eps = frequencies(dim, base), config["layer_norm_epsilon"]

    def linear(y, name):
        weight = w[name + ".weight"]
        return y @ (weight.T if flip == "transpose" and weight.shape[0] == weight.shape[1] else weight)

    x = w["transformer.wte.weight"][ids] * config.get("input_mult", 1.0)
    for i in range(config["n_layer"]):
        p = f"transformer.h.{i}."
        q, k, v = (t.reshape(len(ids), heads, dim) for t in np.split(
            linear(rms(x, w[p + "ln_1.weight"], eps), p + "attn.c_attn"), 3, axis=-1))
        q, k = turn_halves(q, inverse, magnitude), turn_halves(k, inverse, magnitude)
        x = x + linear(attend(q, k, v, dim**-0.5), p + "attn.c_proj")
        gate, up = np.split(linear(rms(x, w[p + "ln_2.weight"], eps), p + "mlp.c_fc"), 2, axis=-1)
        x = x + linear(silu(gate) * up, p + "mlp.c_proj")
    logits = rms(x, w["transformer.ln_f.weight"], eps) @ w["lm_head.weight"].T
    return logits * (1.0 if flip == "mup" else config["output_mult"] / config["mup_scale_factor"])


def mla_rope(config, flip):
    dim, base = config["qk_rope_head_dim"], config.get("rope_theta", 10000.0)
    scaling = config.get("rope_scaling")
    if not scaling:
        return frequencies(dim, base), 1.0, 1.0

    def growth(mscale):
        return 0.1 * mscale * math.log(scaling["factor"]) + 1

    magnitude = growth(scaling["mscale"]) / growth(scaling["mscale_all_dim"])
    softmax_scale = 1.0 if flip == "mscale" else growth(scaling["mscale_all_dim"]) ** 2
    return yarn(dim, base, scaling), magnitude, softmax_scale


def mla(config, w, ids, flip=None):
    """DeepSeek V2 and V3, TeleChat3 with experts (arXiv 2405.04434, 2412.19437)."""
    heads, nope, rope = config["num_attention_heads"], config["qk_nope_head_dim"], config["qk_rope_head_dim"]
    rank, value = config["kv_lora_rank"], config["v_head_dim"]
    inverse, magnitude, growth = mla_rope(config, flip)
    turn = turn_halves if flip == "rope" or not config.get("rope_interleave", True) else turn_pairs
    if flip == "rope" and not config.get("rope_interleave", True):
        turn = turn_pairs
    eps, length = config["rms_norm_eps"], len(ids)
    x = w["model.embed_tokens.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}.self_attn."
        h = rms(x, w[f"model.layers.{i}.input_layernorm.weight"], eps)
        if config.get("q_lora_rank"):
            q = rms(h @ w[p + "q_a_proj.weight"].T, w[p + "q_a_layernorm.weight"], eps) @ w[p + "q_b_proj.weight"].T
        else:
            q = h @ w[p + "q_proj.weight"].T
        q = q.reshape(length, heads, nope + rope)
        latent, key_rope = np.split(h @ w[p + "kv_a_proj_with_mqa.weight"].T, [rank], axis=-1)
        latent = rms(latent, w[p + "kv_a_layernorm.weight"], eps)
        pair = (latent @ w[p + "kv_b_proj.weight"].T).reshape(length, heads, nope + value)
        key_rope = np.repeat(turn(key_rope[:, None], inverse, magnitude), heads, axis=1)
        q = np.concatenate([q[..., :nope], turn(q[..., nope:], inverse, magnitude)], -1)
        k = np.concatenate([pair[..., :nope], key_rope], -1)
        x = x + attend(q, k, pair[..., nope:], growth / math.sqrt(nope + rope)) @ w[p + "o_proj.weight"].T
        h = rms(x, w[f"model.layers.{i}.post_attention_layernorm.weight"], eps)
        x = x + mla_ffn(config, w, i, h, flip)
    return rms(x, w["model.norm.weight"], eps) @ w["lm_head.weight"].T


def choose_experts(config, scores, bias, flip):
    """Ids of the chosen experts of one token: groups first, then the best inside them."""
    ranked = scores if flip == "bias" else scores + bias
    groups, used = config.get("n_group") or 1, config.get("topk_group") or 1
    if groups > 1 and used < groups and flip != "groups":
        members = ranked.reshape(groups, -1)
        counted = 1 if config["topk_method"] == "group_limited_greedy" and flip != "best-two" else 2
        best = np.argsort(-np.sort(members, -1)[:, -counted:].sum(-1))[:used]
        mask = np.full_like(members, -np.inf)
        mask[best] = members[best]
        ranked = mask.reshape(-1)
    return np.argsort(-ranked)[: config["num_experts_per_tok"]]


def mla_ffn(config, w, layer, h, flip):
    p = f"model.layers.{layer}.mlp."
    if not config.get("n_routed_experts") or layer < config["first_k_dense_replace"]:
        return gated(w, p, h)
    logits = h @ w[p + "gate.weight"].T
    scores = 1 / (1 + np.exp(-logits)) if config["scoring_func"] == "sigmoid" else softmax(logits)
    bias = w.get(p + "gate.e_score_correction_bias", np.zeros(scores.shape[-1]))
    out = gated(w, p + "shared_experts.", h)
    for t in range(len(h)):
        chosen = choose_experts(config, scores[t], bias, flip)
        share = scores[t, chosen]
        if config["norm_topk_prob"]:
            share = share / share.sum()
        for e, part in zip(chosen, share * config["routed_scaling_factor"]):
            out[t] += part * gated(w, f"{p}experts.{e}.", h[t])
    return out
