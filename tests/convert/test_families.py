"""Every family: a tiny checkpoint in the vendor's layout → the converter → llama.cpp, against numpy.

Every position of every prompt and 32 greedy tokens from the cache: largest difference of a logit below 1e-4, and the
reference, which computes everything anew from the whole text, would choose the same tokens. Then each trap of the
family: a reference that falls into it must disagree, or the comparison would not notice.

Which releases a case stands for: telechat-12b-head-160 for 12B and 12B-V2; telechat2-mha for TeleChat2-3B, 7B and 35B, 2.5
and T1 of 35B; telechat2-115b for 115B of TeleChat2, 2.5 and T1 (fields: GQA 8:1); telechat2-moe for 39B-A12B;
telechat3-36b for 36B and Coder; telechat3-moe for 105B-A4.7B; deepseek-v3 for V3 and R1; r1-distill-qwen and
r1-distill-llama for the six distills. All have the vendors' fields and names, and tiny widths.
"""

import functools

import families
import numpy as np
import program
import pytest
import reference
import safetensors_file
from harness import gguf_file

TELECHAT3_YARN = {"rope_type": "telechat3-yarn", "factor": 4.0, "original_max_position_embeddings": 64,
                  "beta_fast": 32, "beta_slow": 1}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
NO_GROUPS = {"groups": 0, "groups_used": 0}


class Case:
    def __init__(self, make, forward, *, flips=(), options=(), **write):
        self.make, self.forward, self.flips, self.options, self.write = make, forward, flips, options, write


def part(function, *args, **kwargs):
    return functools.partial(function, *args, **kwargs)


CASES = {
    "llama-gqa": Case(part(families.llama), reference.llama, flips=["rope"], shards=3),
    "llama3-rope-biases": Case(part(families.llama, 11, kv=4, scaling=LLAMA3, head_dim=24, bias=True),
                               reference.llama, flips=["llama3", "rope"]),
    "llama-yarn": Case(part(families.llama, 12, scaling=YARN), reference.llama),
    "qwen2": Case(part(families.llama, 13, bias=True, tied=True, eps=1e-6, model_type="qwen2"), reference.llama,
                  flips=["rope"], sentencepiece=False),
    "qwen3": Case(part(families.llama, 14, qk_norm=True, head_dim=32, theta=1e6, model_type="qwen3"),
                  reference.llama, sentencepiece=False),
    "r1-distill-qwen": Case(part(families.llama, 15, bias=True, eps=1e-6, model_type="qwen2"), reference.llama,
                            flips=["rope"], sentencepiece=False, shards=2),
    "r1-distill-llama": Case(part(families.llama, 16, kv=1, scaling=LLAMA3, head_dim=24, theta=500000.0),
                             reference.llama, flips=["llama3", "rope"], sentencepiece=False),
    "telechat-1b": Case(part(families.telechat, 20, ffn=92), reference.telechat, flips=["interleaved"]),
    "telechat-7b": Case(part(families.telechat, 21, tied=True, prefix=""), reference.telechat,
                        flips=["alpha", "interleaved", "rope"], shards=2, torch=True),
    "telechat-7b-safetensors": Case(part(families.telechat, 21, tied=True, prefix=""), reference.telechat),
    "telechat-7b-prefixed": Case(part(families.telechat, 21, tied=True), reference.telechat, flips=["alpha"]),
    "telechat-7b-stray-head": Case(part(families.telechat_stray_head, 28), reference.telechat,
                                   flips=["stray-head", "alpha"]),
    "telechat-12b-head-160": Case(part(families.telechat, 22, heads=2, hidden=320), reference.telechat,
                                  flips=["head-128", "rope"], torch=True),
    "telechat2-mha": Case(part(families.telechat, 23, training_seqlen=8192, base_seqlen=8192, seq_length=8192),
                          reference.telechat, flips=["interleaved", "rope"]),
    "telechat2-gqa": Case(part(families.telechat, 24, kv=2, training_seqlen=8192, base_seqlen=8192),
                          reference.telechat, flips=["interleaved"], shards=2),
    "telechat2-115b": Case(part(families.telechat, 29, heads=16, kv=2, hidden=128, eps=1e-8, training_seqlen=8192,
                                base_seqlen=8192), reference.telechat, flips=["interleaved", "rope"]),
    "telechat2-eps": Case(part(families.telechat, 25, eps=1e-2), reference.telechat, flips=["eps"]),
    "telechat2-eps-of-both": Case(part(families.telechat, 25, eps=1e-2, rms_norm_eps=1e-6), reference.telechat,
                                  flips=["eps"]),
    "telechat2-context-32k": Case(part(families.telechat, 26, training_seqlen=8192, base_seqlen=8192),
                                  part(reference.telechat, length=32768), flips=["magnitude"],
                                  options=["--context", "32768"]),
    "telechat2-moe": Case(part(families.telechat, 27, experts=16), reference.telechat, flips=["renormalise"]),
    "telechat-52b": Case(part(families.conv), reference.conv, flips=["mup", "transpose"], shards=2, torch=True),
    "telechat3-36b": Case(part(families.llama, 31, scaling=TELECHAT3_YARN, theta=1e6, model_type="telechat3"),
                          reference.llama, flips=["mscale"]),
    "telechat3-moe": Case(part(families.mla, 32, routed_scale=2.8, used=4, mtp=1, model_type="telechat3",
                               **NO_GROUPS), reference.mla, flips=["bias", "rope"]),
    "deepseek-v3": Case(part(families.mla, 41, scaling=families.DEEPSEEK_YARN, mtp=1), reference.mla,
                        flips=["bias", "groups", "mscale", "rope"], sentencepiece=False, shards=2),
    "deepseek-v2": Case(part(families.mla, 45, scoring="softmax", bias=False, norm=False, routed_scale=16.0, groups=1,
                             groups_used=1, scaling={**families.DEEPSEEK_YARN, "mscale": 0.707,
                                                     "mscale_all_dim": 0.707}), reference.mla, flips=["mscale", "rope"]),
    "deepseek-v2-lite": Case(part(families.mla, 42, q_lora=0, scoring="softmax", bias=False, norm=False,
                                  routed_scale=1.0, groups=1, groups_used=1), reference.mla, flips=["rope"]),
    "mla-rotary-halves": Case(part(families.mla, 43, rope_interleave=False), reference.mla, flips=["rope"]),
}


def difference(case, config, weights, answer, flip=None):
    exact = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    wanted = case.forward(config, exact, np.array(answer.ids), flip=flip)
    return np.abs(wanted - answer.logits).max(), wanted


@pytest.mark.parametrize("name", CASES)
def test_family(name, tmp_path, prompts):
    case = CASES[name]
    config, weights = case.make()
    folder = program.write_folder(tmp_path / "in", config, weights, **case.write)
    model = tmp_path / "out.gguf"
    program.run_convert(folder, model, "--type", "f32", *case.options)
    got = program.answers(model, prompts)
    for prompt, answer in zip(prompts, got):
        worst, wanted = difference(case, config, weights, answer)
        assert worst < 1e-4, f"{len(prompt)} tokens: logits differ by {worst}"
        assert (wanted[len(prompt) - 1 : -1].argmax(-1) == answer.ids[len(prompt) :]).all()
    for flip in case.flips:
        worst, _ = difference(case, config, weights, got[-1], flip)
        assert worst > 1e-3, f"falling into the trap '{flip}' changes only {worst}"


def test_the_limit_to_groups_of_deepseek_v2(tmp_path, prompts):
    """What is known not to be exact, and how much: the vendor ranks groups by their best expert, llama.cpp by the best
    two. The file computes the latter to 1e-4; it is nearer to the vendor's than no limit at all."""
    config, weights = families.mla(47, experts=16, groups=4, groups_used=2, used=3, scoring="softmax", bias=False, norm=False,
                                   routed_scale=16.0, topk_method="group_limited_greedy")
    folder = program.write_folder(tmp_path / "in", config, weights)
    done = program.run_convert(folder, tmp_path / "out.gguf", "--type", "f32")
    assert "group_limited_greedy" in done.stdout
    case, written_off, no_limit_off, spread = Case(None, reference.mla), [], [], []
    for answer in program.answers(tmp_path / "out.gguf", prompts, 0):
        worst, written = difference(case, config, weights, answer, "best-two")
        assert worst < 1e-4
        vendors = difference(case, config, weights, answer)[1]
        written_off.append(vendors - written)
        no_limit_off.append(vendors - difference(case, config, weights, answer, "groups")[1])
        spread.append(vendors)
    rms = [np.sqrt(np.mean(np.concatenate(rows) ** 2)) for rows in (written_off, no_limit_off, spread)]
    print(f"logits differ by {rms[0] / rms[2]:.3f} of their size, without a limit by {rms[1] / rms[2]:.3f}")
    assert 0.01 < rms[0] / rms[2] < rms[1] / rms[2]


def test_deepseek_fp8_with_tails(tmp_path, prompts):
    """Blocks of 128 × 128 with tails: what the codes stand for, and nothing else, is converted."""
    config, weights = families.mla(44, hidden=160, mtp=0)
    config["quantization_config"] = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}
    stored, meant, trapped, tails = {}, {}, {}, 0
    for name, tensor in weights.items():
        stored[name] = meant[name] = trapped[name] = tensor
        if "proj" in name:
            tensor = tensor.copy()
            tensor[128:], tensor[:, 128:] = tensor[128:] * 1.5, tensor[:, 128:] / 1.5  # each block its own scale
            codes, scales, meant[name] = safetensors_file.e4m3_blocks(tensor)
            stored[name], stored[name + "_scale_inv"] = codes, scales
            # The trap: a tail takes the scale of the whole block before it.
            whole = [max(size // 128, 1) - 1 for size in tensor.shape]
            rows, columns = (np.minimum(np.arange(size) // 128, last) for size, last in zip(tensor.shape, whole))
            trapped[name] = safetensors_file.e4m3_values()[codes] * scales[np.ix_(rows, columns)]
            tails += any(size > 128 and size % 128 for size in tensor.shape)
    folder = program.write_folder(tmp_path / "in", config, stored)
    model = tmp_path / "out.gguf"
    program.run_convert(folder, model, "--type", "f32")
    case = Case(None, reference.mla)
    assert tails > 5
    for answer in program.answers(model, prompts):
        assert difference(case, config, meant, answer)[0] < 1e-4
        assert difference(case, config, trapped, answer)[0] > 1e-3


def test_every_fp8_code_to_the_bit(tmp_path):
    """All finite codes in every block, whole ones and tails, each block with a scale of its own: f32 to the bit."""
    config, weights = families.mla(46, hidden=160, mtp=0)
    config["quantization_config"] = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}
    finite = np.array([code for code in range(256) if code & 0x7F != 0x7F], np.uint8)
    names = {"model.layers.0.mlp.gate_proj.weight": "blk.0.ffn_gate.weight",  # [96, 160]
             "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",  # [160, 96]
             "model.layers.1.self_attn.o_proj.weight": "blk.1.attn_output.weight",  # [160, 64]
             "model.layers.2.self_attn.q_a_proj.weight": "blk.2.attn_q_a.weight"}  # [48, 160]
    chance, meant, stored = np.random.default_rng(46), {}, dict(weights)
    for name, target in names.items():
        shape = weights[name].shape
        codes = np.resize(finite, shape)  # 254 codes, row after row: the tails have all of them too
        scales = chance.uniform(1e-5, 1e-2, [-(-size // 128) for size in shape]).astype(np.float32)
        rows, columns = (np.arange(size) // 128 for size in shape)
        for part in (codes[:128, :128], codes[:, 128:], codes[128:]):
            assert part.size == 0 or len(np.unique(part)) == 254, name
        stored[name], stored[name + "_scale_inv"] = codes, scales
        meant[target] = safetensors_file.e4m3_values()[codes] * scales[np.ix_(rows, columns)]
    folder = program.write_folder(tmp_path / "in", config, stored)
    program.run_convert(folder, tmp_path / "out.gguf", "--type", "f32")
    written = gguf_file.read_f32(tmp_path / "out.gguf")
    for target, values in meant.items():
        assert written[target].view(np.uint32).tolist() == values.view(np.uint32).tolist(), target
    codes = stored["model.layers.0.mlp.gate_proj.weight"].copy()
    codes[95, 159] = 0x7F  # no number: refused, not written
    stored["model.layers.0.mlp.gate_proj.weight"] = codes
    program.write_folder(tmp_path / "in", config, stored)
    done = program.run_convert(folder, tmp_path / "nan.gguf", "--type", "f32", check=False)
    assert done.returncode == 1 and "mlp.gate_proj.weight" in done.stderr and "row 95" in done.stderr


@pytest.mark.parametrize("kind, limit", [("f16", 0.02), ("bf16", 0.2), ("q8_0", 0.2)])
def test_types(kind, limit, tmp_path, prompts):
    """Smaller types stay near the exact logits; bf16 sources lose nothing in bf16."""
    config, weights = families.telechat(51, kv=2)
    folder = program.write_folder(tmp_path / "in", config, weights)
    program.run_convert(folder, tmp_path / "out.gguf", "--type", kind)
    case = Case(None, reference.telechat)
    worst = max(difference(case, config, weights, a)[0] for a in
                program.answers(tmp_path / "out.gguf", prompts[:3], 0))
    assert worst < limit


def test_bf16_is_exact(tmp_path, prompts):
    config, weights = families.llama(52)
    stored = {n: safetensors_file.bf16(t) if t.ndim == 2 else t for n, t in weights.items()}
    meant = {n: safetensors_file.from_bf16(t) if t.dtype == np.uint16 else t for n, t in stored.items()}
    folder = program.write_folder(tmp_path / "in", config, stored)
    program.run_convert(folder, tmp_path / "out.gguf", "--type", "f32")
    case = Case(None, reference.llama)
    for answer in program.answers(tmp_path / "out.gguf", prompts[:3]):
        assert difference(case, config, meant, answer)[0] < 1e-4
