"""The converter and the rest of the real program: tokens, import and completion, hostile folders, kills, memory."""

import hashlib
import json
import random
import signal
import subprocess
import time

import families
import numpy as np
import program
import pytest
import reference
import safetensors_file
import tokenizer_file
from harness import paths
from harness.server import fresh_server


@pytest.fixture(scope="module")
def telechat2(tmp_path_factory):
    """A converted TeleChat2 folder: config, weights, GGUF file."""
    root = tmp_path_factory.mktemp("telechat2")
    config, weights = families.telechat(61, kv=2, training_seqlen=8192, base_seqlen=8192, eos_token_id=2)
    added = {str(i): {"content": t, "special": True} for i, t in
             ((2, "<_end>"), (3, "<_pad>"), (4, "<_user>"), (5, "<_bot>"), (6, "<_system>"))}
    folder = program.write_folder(root / "in", config, weights, tokenizer_config={
        "add_bos_token": False, "added_tokens_decoder": added, "eos_token": "<_end>", "pad_token": "<_pad>",
        "chat_template": "{% for m in messages %}<_user>{{ m['content'] }}<_bot>{% endfor %}"})
    program.run_convert(folder, root / "out.gguf", "--type", "f32")
    return config, weights, root / "out.gguf"


def test_tokens(telechat2):
    """Segments between role markers each get their blank; digits and newlines do not begin new segments."""
    pieces = tokenizer_file.pieces_for(families.VOCABULARY)
    segments = ["hello", "你好 hello", "a1b22\nhello", "中国7你好", "abc  é🙂", "0"]
    letters = "abcdehlo你好中国 0123456789\né"
    shuffle = random.Random(5)
    segments += ["".join(shuffle.choice(letters) for _ in range(shuffle.randint(1, 24))) for _ in range(300)]
    got = program.token_ids(telechat2[2], segments + ["<_user>你好<_bot>hello<_end>"])
    for segment, ids in zip(segments, got):
        assert ids == tokenizer_file.sentencepiece_ids(pieces, segment), repr(segment)
    assert got[-1] == [4, *tokenizer_file.sentencepiece_ids(pieces, "你好"), 5, *tokenizer_file.sentencepiece_ids(pieces, "hello"), 2]


def test_byte_level_tokens(tmp_path):
    config, weights = families.llama(62, bias=True, model_type="qwen2")
    folder = program.write_folder(tmp_path / "in", config, weights, sentencepiece=False)
    program.run_convert(folder, tmp_path / "out.gguf", "--type", "f32")
    letters = tokenizer_file.byte_letters()
    hello = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]["hello"]
    got = program.token_ids(tmp_path / "out.gguf", ["hello", "hello<|end|>", "你"])
    assert got == [[hello], [hello, hello + 1], [*"你".encode()]]
    assert len(letters) == 256


def test_import_and_complete(telechat2):
    """The whole way: import the file, complete token ids, compare probabilities with the reference.

    0.01: the worker's flash attention rounds to 16 bits on the way. test_families has the exact comparison.
    """
    config, weights, model = telechat2
    exact = {n: t.astype(np.float64) for n, t in weights.items()}
    prompt = [4, 100, 200, 290, 5]
    with fresh_server(models=False, XINGCHA_KV_TYPE="f32", XINGCHA_THREADS="1") as server:
        server.home.cli("import", model, "--name", "tiny-telechat2")
        body = {"model": "tiny-telechat2", "prompt": prompt, "max_tokens": 16, "temperature": 0, "logprobs": 5,
                "ignore_eos": True}
        reply = server.api.post("/v1/completions", body)
        assert reply.status == 200, reply
        seen = reply.json()["choices"][0]["logprobs"]["token_logprobs"]
    ids = list(prompt)
    for logprob in seen:
        logits = reference.telechat(config, exact, np.array(ids))[-1]
        wanted = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        assert abs(wanted.max() - logprob) < 0.01
        ids.append(int(wanted.argmax()))
    assert len(seen) == 16 or ids[-1] == 2


def change(folder, name, edit):
    file = folder / name
    file.write_text(edit(file.read_text()))


HOSTILE = {
    "index outside": (lambda f: change(f, "model.safetensors.index.json",
                                       lambda t: t.replace("model-00001", "../model-00001")), "no .safetensors file"),
    "missing shard": (lambda f: (f / "model-00002-of-00002.safetensors").unlink(), "model-00002-of-00002"),
    "huge header": (lambda f: (f / "model-00001-of-00002.safetensors").write_bytes(b"\xff" * 7 + b"\x7f" + b"{}"),
                    "header claims"),
    "cut shard": (lambda f: (f / "model-00001-of-00002.safetensors").write_bytes(
        (f / "model-00001-of-00002.safetensors").read_bytes()[:-5]), "model-00001-of-00002"),
    "nested config": (lambda f: (f / "config.json").write_text('{"a":' * 100 + "1" + "}" * 100), "no JSON object"),
    "config of another size": (lambda f: change(f, "config.json", lambda t: t.replace('"hidden_size": 64',
                                                                                    '"hidden_size": 128')), "shape"),
    "gpt activation": (lambda f: change(f, "config.json", lambda t: t.replace("{", '{"hidden_act": "gelu", ', 1)),
                       "gelu"),
    "broken tokenizer": (lambda f: (f / "tokenizer.model").write_bytes(b"\x0a\xff\xff\xff\xff\x7fabc"),
                         "tokenizer.model"),
    "no tokenizer": (lambda f: (f / "tokenizer.model").unlink(), "neither tokenizer.model"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders(name, tmp_path):
    spoil, said = HOSTILE[name]
    folder = program.write_folder(tmp_path / "in", *families.telechat(63), shards=2)
    spoil(folder)
    done = program.run_convert(folder, tmp_path / "out.gguf", check=False)
    assert done.returncode == 1
    assert said in done.stderr, done.stderr
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize("shards", [1, 3, 9])
def test_digests_of_the_sources(shards, tmp_path):
    """The file says which bytes it was made of, however many shards are hashed at once; the shards do not matter."""
    config, weights = families.llama(65)
    folder = program.write_folder(tmp_path / "in", config, weights, shards=shards)
    program.run_convert(folder, tmp_path / "out.gguf", "--type", "f16")
    written = (tmp_path / "out.gguf").read_bytes()
    names = sorted(p.name for p in folder.glob("*.safetensors"))
    assert len(names) == shards
    for name in [*names, "config.json", "tokenizer.model"]:
        assert f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}".encode() in written


def big_folder(folder, mebibytes):
    """Few, large bf16 tensors: a Llama whose feed-forward network is most of it."""
    hidden, layers = 1024, 2
    ffn = mebibytes * (1 << 20) // (layers * 3 * hidden * 2)
    config, weights = families.llama(64, hidden=hidden, head_dim=256, tied=True)
    config["intermediate_size"] = ffn
    tile = np.random.default_rng(1).standard_normal((ffn, hidden)).astype(np.float32).view(np.uint32) >> 16
    tile = tile.astype(np.uint16)
    for name in [n for n in weights if ".mlp." in n]:
        weights[name] = tile.reshape(hidden, ffn) if "down" in name else tile
    return program.write_folder(folder, config, weights, shards=2)


def test_killed_at_any_time(tmp_path):
    """kill -9: never a file under the final name; the next run finishes, equal to one that was not disturbed."""
    folder = big_folder(tmp_path / "in", 96)
    program.run_convert(folder, tmp_path / "whole.gguf")
    whole = (tmp_path / "whole.gguf").read_bytes()
    model = tmp_path / "out.gguf"
    for wait in (0.05, 0.15, 0.3, 0.45):
        running = subprocess.Popen(
            [str(paths.PROGRAM), "convert", str(folder), "-o", str(model)], stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, env=paths.clean_environment(XINGCHA_HOME=str(tmp_path)))
        time.sleep(wait)
        running.send_signal(signal.SIGKILL)
        if running.wait() == -signal.SIGKILL:
            assert not model.exists()
        else:
            assert model.read_bytes() == whole
            model.unlink()
    program.run_convert(folder, model)
    assert model.read_bytes() == whole
    assert [p.name for p in tmp_path.glob("out*")] == ["out.gguf"]


def test_memory_is_bounded(tmp_path):
    """Anonymous memory stays far below the weights; the file pages of the mapping are the page cache's."""
    folder = big_folder(tmp_path / "in", 192)
    running = subprocess.Popen(
        [str(paths.PROGRAM), "convert", str(folder), "-o", str(tmp_path / "out.gguf")], stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, env=paths.clean_environment(XINGCHA_HOME=str(tmp_path)))
    largest = 0
    while running.poll() is None:
        try:
            lines = open(f"/proc/{running.pid}/status").read().splitlines()
        except OSError:
            break
        largest = max([largest, *(int(x.split()[1]) for x in lines if x.startswith("RssAnon"))])
        time.sleep(0.005)
    assert running.wait() == 0
    assert 0 < largest < 128 * 1024, f"{largest} KiB"


def test_safetensors_codes_are_the_programs():
    """The tests' own FP8 table has the landmarks of the format, so that it may judge the program."""
    values = safetensors_file.e4m3_values()
    assert values[0x7E] == 448 and values[0x08] == 2.0**-6 and values[0x01] == 2.0**-9 and np.isnan(values[0xFF])
