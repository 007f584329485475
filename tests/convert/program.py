"""Folders in the vendors' layout, the real converter, and llama.cpp's logits for what it wrote."""

import dataclasses
import json
import subprocess

import families
import numpy as np
import safetensors_file
import tokenizer_file
import torch_file
from harness import paths

STEPS = 32


def write_folder(folder, config, tensors, *, sentencepiece=True, pieces=None, shards=1, tokenizer_config=None, torch=False):
    """`torch`: as pytorch_model*.bin."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if torch and shards > 1:
        torch_file.write_shards(folder, tensors, shards)
    elif torch:
        torch_file.write(folder / "pytorch_model.bin", tensors, ordered=False)
    elif shards > 1:
        safetensors_file.write_shards(folder, tensors, shards)
    else:
        safetensors_file.write(folder / "model.safetensors", tensors)
    if sentencepiece:
        pieces = pieces or tokenizer_file.pieces_for(config["vocab_size"])
        (folder / "tokenizer.model").write_bytes(tokenizer_file.sentencepiece_model(pieces))
    else:
        (folder / "tokenizer.json").write_text(tokenizer_file.tokenizer_json())
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config or {"add_bos_token": False}))
    return folder


def large_folder(folder, gibibytes, kind, shards, torch=False):
    """A Llama whose feed-forward network is most of it, in few large tensors of `kind` (f32, f16, bf16)."""
    hidden, layers, width = 2048 if gibibytes >= 1 else 512, 8, 4 if kind == "f32" else 2
    config, weights = families.llama(64, hidden=hidden, head_dim=hidden // 4, tied=True)
    small = sum(t.size for n, t in weights.items() if "layers.0.self_attn" in n) * layers * width
    ffn = int(gibibytes * (1 << 30) - small) // (layers * 3 * hidden * width) // 32 * 32
    config.update(intermediate_size=ffn, num_hidden_layers=layers)
    values = np.random.default_rng(1).standard_normal((ffn, hidden), dtype=np.float32)
    tile = {"f32": lambda: values, "f16": lambda: values.astype(np.float16),
            "bf16": lambda: safetensors_file.bf16(values)}[kind]()
    first = {n: t for n, t in weights.items() if n.startswith("model.layers.0.")}
    weights = {n: t for n, t in weights.items() if not n.startswith("model.layers.")}
    for i in range(layers):
        for name, tensor in first.items():
            if ".mlp." in name:
                tensor = tile.reshape(hidden, ffn) if "down" in name else tile
            elif tensor.ndim == 2:
                tensor = tensor.astype(np.float16) if kind == "f16" else tensor
                tensor = safetensors_file.bf16(tensor) if kind == "bf16" else tensor
            weights[name.replace("layers.0.", f"layers.{i}.")] = tensor
    return write_folder(folder, config, weights, shards=shards, torch=torch)


def private_kib(process):
    """Memory of a running process that no file backs; 0 when it is gone."""
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith(("Anonymous:", "Swap:")))
    except OSError:
        return 0


def run_convert(folder, output, *arguments, check=True):
    done = subprocess.run(
        [str(paths.PROGRAM), "convert", str(folder), "-o", str(output), *map(str, arguments)],
        capture_output=True, text=True, timeout=paths.PATIENCE_S,
        env=paths.clean_environment(XINGCHA_HOME=str(folder)))
    if check:
        assert done.returncode == 0, done.stderr
    return done


@dataclasses.dataclass
class Answer:
    """Logits of a prompt's positions and of the greedy steps behind it."""

    ids: list  # prompt and greedy tokens
    logits: np.ndarray  # [len(ids), vocabulary]


def logits_tool(model, mode, lines, out):
    tool = paths.BUILD / "tests" / "convert_logits"
    assert tool.exists(), f"{tool} is not built"
    done = subprocess.run([str(tool), str(model), str(mode), str(paths.BUILD / "bin"), str(out)],
                          input="".join(line + "\n" for line in lines), capture_output=True, text=True,
                          timeout=paths.PATIENCE_S)
    assert done.returncode == 0, f"llama.cpp refuses it: {done.stderr}"
    return out.read_bytes()


def answers(model, prompts, steps=STEPS):
    data = logits_tool(model, steps, [" ".join(map(str, p)) for p in prompts], model.with_suffix(".logits"))
    result, at = [], 0
    for prompt in prompts:
        positions, done, vocabulary = np.frombuffer(data, np.int32, 3, at)
        rows = np.frombuffer(data, np.float32, (positions + done) * vocabulary, at + 12).reshape(-1, vocabulary)
        at += 12 + rows.nbytes
        greedy = rows[positions - 1 : -1].argmax(-1) if done else []
        result.append(Answer([*prompt, *map(int, greedy)], rows))
    return result


def token_ids(model, texts):
    data = logits_tool(model, "tokenize", [t.replace("\n", "\\n") for t in texts], model.with_suffix(".tokens"))
    return [[int(word) for word in line.split()] for line in data.decode().splitlines()]


def texts_of(model, lists):
    """The bytes that each list of ids stands for, markers included."""
    data = logits_tool(model, "detokenize", [" ".join(map(str, ids)) for ids in lists], model.with_suffix(".said"))
    return [bytes.fromhex(line) for line in data.decode().splitlines()]


def round_trips(model, texts):
    """For each text its token ids and the bytes that they stand for."""
    data = logits_tool(model, "roundtrip", [t.encode().hex() for t in texts], model.with_suffix(".texts"))
    out = []
    for line in data.decode().splitlines():
        ids, text = line.split("|")
        out.append(([int(word) for word in ids.split()], bytes.fromhex(text)))
    return out
