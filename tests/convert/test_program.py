"""The converter and the rest of the real program: tokens, import and completion, hostile folders, kills, memory."""

import hashlib
import json
import os
import pickle
import random
import signal
import subprocess
import time
import zipfile

import families
import numpy as np
import program
import pytest
import reference
import safetensors_file
import tokenizer_file
from harness import gguf_file, paths
from harness.home import Home
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


# What differs on the way through a worker: heads of 160, latent attention, experts, biases. Keys and values are kept as
# the worker keeps them when nobody says otherwise.
SERVED = {
    "telechat2": (lambda: families.telechat(61, kv=2, training_seqlen=8192, base_seqlen=8192), reference.telechat),
    "heads of 160": (lambda: families.telechat(22, heads=2, hidden=320), reference.telechat),
    "telechat-52b": (families.conv, reference.conv),
    "experts": (lambda: families.telechat(27, experts=16), reference.telechat),
    "latent attention": (lambda: families.mla(41, scaling=families.DEEPSEEK_YARN), reference.mla),
}


@pytest.mark.parametrize("name", SERVED)
def test_import_and_complete(name, tmp_path):
    """The whole way: import the file, complete token ids, compare probabilities with the reference.

    The worker's flash attention and its cache round to 16 bits on the way; test_families has the exact comparison.
    """
    make, forward = SERVED[name]
    config, weights = make()
    model = tmp_path / "tiny.gguf"
    program.run_convert(program.write_folder(tmp_path / "in", config, weights), model, "--type", "f32")
    exact = {n: t.astype(np.float64) for n, t in weights.items()}
    prompts = [np.random.default_rng(i).integers(7, 300, length).tolist() for i, length in enumerate((5, 24, 45, 80))]
    with fresh_server(models=False, XINGCHA_THREADS="1") as server:
        server.home.cli("import", model, "--name", "tiny", "--yes")
        seen = []
        for prompt in prompts:
            body = {"model": "tiny", "prompt": prompt, "max_tokens": 12, "temperature": 0, "logprobs": 5, "ignore_eos": True}
            reply = server.api.post("/v1/completions", body)
            assert reply.status == 200, reply
            seen.append(reply.json()["choices"][0]["logprobs"]["token_logprobs"])
    compared = 0
    for prompt, logprobs in zip(prompts, seen):
        assert len(logprobs) == 12
        ids = list(prompt)
        for logprob in logprobs:
            logits = forward(config, exact, np.array(ids))[-1]
            wanted = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
            assert abs(wanted.max() - logprob) < 0.03, f"{len(prompt)} tokens, step {len(ids) - len(prompt)}"
            compared += 1
            ids.append(int(wanted.argmax()))
            if np.diff(np.sort(wanted)[-2:]) < 0.06:
                break  # a near tie: rounding decides, and from here on the texts may part
    assert compared >= 10


def test_the_vendors_sampling_is_the_models(tmp_path):
    """generation_config.json → metadata → manifest: what a request leaves out is what the vendor advises."""
    config, weights = families.telechat(66)
    folder = program.write_folder(tmp_path / "in", config, weights)

    def kept(**generation):
        (folder / "generation_config.json").write_text(json.dumps(generation))
        (tmp_path / "out.gguf").unlink(missing_ok=True)
        done = program.run_convert(folder, tmp_path / "out.gguf")
        with Home(models=False) as home:
            home.cli("import", tmp_path / "out.gguf", "--name", "tiny", "--yes")
            return json.loads((home.root / "models" / "manifests" / "tiny.json").read_text())["sampling"], done.stdout

    assert kept(do_sample=True, temperature=0.6, top_p=0.95, top_k=5, repetition_penalty=1.05, eos_token_id=2)[0] == {
        "temperature": 0.6, "top_p": 0.95, "top_k": 5, "repetition_penalty": 1.05}
    # TeleChat2's: greedy, whatever else stands there.
    assert kept(do_sample=False, temperature=0.3, repetition_penalty=1.03)[0] == {
        "temperature": 0, "repetition_penalty": 1.03}
    sampling, said = kept(temperature=9, top_p="x", repetition_penalty=1.1)
    assert sampling == {"repetition_penalty": 1.1}
    assert "temperature is 9" in said and 'top_p is "x"' in said
    (folder / "generation_config.json").write_text("[")
    done = program.run_convert(folder, tmp_path / "other.gguf", check=False)
    assert done.returncode == 1 and "generation_config.json" in done.stderr


CALL_TAGS = ["<tool_call>", "</tool_call>", "<param_key>", "</param_key>", "<param_value>", "</param_value>"]


def scripted(root, answer, tags):
    """A model that says `answer` behind a prompt that ends with its first piece: every token's successor is its head's
    only weight, and no layer adds anything. `tags` are control tokens, which a reader does not see unless told to."""
    pieces = tokenizer_file.pieces_for(families.VOCABULARY)
    pieces += [(tag, 0.0, tokenizer_file.CONTROL) for tag in tags]
    size = families.VOCABULARY
    config, weights = families.telechat(67, hidden=size, training_seqlen=8192, base_seqlen=8192, eos_token_id=2)
    for name in weights:
        if ".dense." in name or ".down_proj." in name:
            weights[name] = np.zeros_like(weights[name])
    weights["transformer.word_embeddings.weight"] = np.eye(size, dtype=np.float32)
    weights["transformer.ln_f.weight"] = np.ones(size, np.float32)
    head = np.zeros((size, size), np.float32)
    ids = {text: i for i, (text, _, _) in enumerate(pieces)}
    assert len(set(answer)) == len(answer)
    for now, following in zip(answer, answer[1:]):
        head[ids[following], ids[now]] = 1
    weights["lm_head.weight"] = head
    folder = program.write_folder(root / "in", config, weights, pieces=pieces)
    program.run_convert(folder, root / "out.gguf", "--type", "f32")
    return root / "out.gguf"


@pytest.mark.parametrize("thinks", [True, False], ids=["Xing4's template", "TeleChat2's template"])
def test_tags_that_are_control_tokens_are_read(thinks, tmp_path):
    """Thoughts and a call in Xing4's form whose tags, inner ones too, are control tokens of the vocabulary; also under a
    template that does not speak of that form. The templates are the built-in ones, chosen by the vocabulary."""
    call = ["<tool_call>", "hello", "<param_key>", "ab", "</param_key>", "<param_value>", "7", "</param_value>",
            "</tool_call>"]
    begin, tags = (["\n", "你好", "</think>"], ["<_observation>", "<think>", "</think>"]) if thinks else (["<_bot>"], [])
    model = scripted(tmp_path, [*begin, "中国", *call, "<_end>"], [*tags, *CALL_TAGS])
    tool = {"type": "function", "function": {"name": "hello", "parameters": {
        "type": "object", "properties": {"ab": {"type": "integer"}}}}}
    with fresh_server(models=False, XINGCHA_THREADS="1") as server:
        server.home.cli("import", model, "--name", "xing", "--yes")
        body = {"model": "xing", "messages": [{"role": "user", "content": "hello"}], "tools": [tool], "temperature": 0,
                "max_tokens": 40}
        reply = server.api.post("/v1/chat/completions", body)
        assert reply.status == 200, reply
        message = reply.json()["choices"][0]["message"]
        assert message["content"] == "中国", message
        assert message.get("reasoning_content") == ("你好" if thinks else None)
        assert [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message["tool_calls"]] == [
            ("hello", {"ab": 7})]
        assert "X-Xingcha-Warning" not in reply.headers


SHARD, OTHER_SHARD = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
UP = "transformer.h.0.mlp.up_proj.weight"


def change(folder, name, edit):
    file = folder / name
    file.write_text(edit(file.read_text()))


def change_index(folder, edit):
    def edited(text):
        index = json.loads(text)
        edit(index["weight_map"])
        return json.dumps(index)

    change(folder, "model.safetensors.index.json", edited)


def change_header(folder, edit):
    """Edits the header of the shard that holds UP; the data stays."""
    places = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    shard = folder / places[UP]
    data = shard.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode()
    shard.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def overlapping(header):
    """UP takes the bytes of the tensor in front of it, as long as its shape says."""
    begin, end = header[UP]["data_offsets"]
    header[UP]["data_offsets"] = [begin - 4, end - 4]


def link_to_itself(file):
    file.unlink()
    file.symlink_to(file.name)


# What is done to a folder, and what the refusal says: file, tensor where there is one, reason.
HOSTILE = {
    "index outside": (lambda f: change_index(f, lambda m: m.update({UP: "../" + SHARD})),
                      ["model.safetensors.index.json", UP, "no .safetensors file of this folder"]),
    "index absolute": (lambda f: change_index(f, lambda m: m.update({UP: "/etc/passwd"})),
                       ["model.safetensors.index.json", UP, "/etc/passwd"]),
    "index names itself": (lambda f: change_index(f, lambda m: m.update({UP: "model.safetensors.index.json"})),
                           ["model.safetensors.index.json", UP]),
    "index promises more": (lambda f: change_index(f, lambda m: m.update({"extra.weight": SHARD})),
                            [SHARD, "extra.weight", "the index promises"]),
    "index lacks a tensor": (lambda f: change_index(f, lambda m: m.pop(UP)), [UP, "missing"]),
    "missing shard": (lambda f: (f / OTHER_SHARD).unlink(), [OTHER_SHARD]),
    "shard that is a folder": (lambda f: ((f / SHARD).unlink(), (f / SHARD).mkdir()), [SHARD]),
    "shard that links to itself": (lambda f: link_to_itself(f / SHARD), [SHARD]),
    "huge header": (lambda f: (f / SHARD).write_bytes(b"\xff" * 7 + b"\x7f" + b"{}"), [SHARD, "header claims"]),
    "empty shard": (lambda f: (f / SHARD).write_bytes(b""), [SHARD, "shorter than 8 bytes"]),
    "cut shard": (lambda f: (f / SHARD).write_bytes((f / SHARD).read_bytes()[:-5]), [SHARD, "ends at byte", "tensor"]),
    "overlapping tensors": (lambda f: change_header(f, overlapping), ["of-00002.safetensors", "overlap", "tensor '"]),
    "tensor beyond the end": (lambda f: change_header(f, lambda h: h[UP].update(
        data_offsets=[x + (1 << 40) for x in h[UP]["data_offsets"]])), ["of-00002.safetensors", "tensor '"]),
    "shape that overflows": (lambda f: change_header(f, lambda h: h[UP].update(shape=[1 << 62, 1 << 62])),
                             ["of-00002.safetensors", UP, "overflows"]),
    "shape of other bytes": (lambda f: change_header(f, lambda h: h[UP].update(shape=[3, 5])),
                             ["of-00002.safetensors", UP, "needs 60 bytes"]),
    "unknown dtype": (lambda f: change_header(f, lambda h: h[UP].update(dtype="F4")),
                      ["of-00002.safetensors", UP, "dtype 'F4'"]),
    "integers for weights": (lambda f: change_header(f, lambda h: h[UP].update(dtype="I32")),
                             ["of-00002.safetensors", UP, "holds I32, expected floats"]),
    "nested config": (lambda f: (f / "config.json").write_text('{"a":' * 100 + "1" + "}" * 100),
                      ["config.json", "no JSON object"]),
    "config that links to itself": (lambda f: link_to_itself(f / "config.json"), ["config.json"]),
    "config of another size": (lambda f: change(f, "config.json", lambda t: t.replace('"hidden_size": 64',
                                                                                    '"hidden_size": 128')), ["shape"]),
    "gpt activation": (lambda f: change(f, "config.json", lambda t: t.replace("{", '{"hidden_act": "gelu", ', 1)),
                       ["gelu"]),
    "broken tokenizer": (lambda f: (f / "tokenizer.model").write_bytes(b"\x0a\xff\xff\xff\xff\x7fabc"),
                         ["tokenizer.model"]),
    "no tokenizer": (lambda f: (f / "tokenizer.model").unlink(), ["neither tokenizer.model"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders(name, tmp_path):
    spoil, said = HOSTILE[name]
    folder = program.write_folder(tmp_path / "in", *families.telechat(63), shards=2)
    spoil(folder)
    done = program.run_convert(folder, tmp_path / "out.gguf", check=False)
    assert done.returncode == 1
    for part in said:
        assert part in done.stderr, done.stderr
    assert list(tmp_path.glob("out*")) == []


def test_torch_files_are_as_good(tmp_path):
    """The same weights as .bin and as .safetensors: the same tensors, to the bit; bf16 too; a tied head shares its bytes."""
    config, weights = families.telechat(68, tied=True, prefix="")
    weights = {n: safetensors_file.bf16(t) if t.ndim == 2 else t for n, t in weights.items()}
    weights["lm_head.weight"] = weights["word_embeddings.weight"]
    for name, torch in (("bin", True), ("safetensors", False)):
        folder = program.write_folder(tmp_path / name, config, weights, torch=torch)
        program.run_convert(folder, tmp_path / f"{name}.gguf", "--type", "f32")
    one, other = (gguf_file.read_f32(tmp_path / f"{name}.gguf") for name in ("bin", "safetensors"))
    assert one.keys() == other.keys() and len(one) > 10
    for name, tensor in one.items():
        assert (tensor.view(np.uint32) == other[name].view(np.uint32)).all(), name


class Runs:
    def __reduce__(self):
        return os.system, ("touch was-run",)


def pickled(folder, value):
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(value, 2))


# What is done to a folder with pytorch_model.bin, and what the refusal says.
HOSTILE_TORCH = {
    "a call": (lambda f: pickled(f, {"w": Runs()}), ["system", "not loaded"]),
    "another protocol": (lambda f: (f / "pytorch_model.bin").write_bytes(b"not a zip"), ["too short"]),
    "before 1.6": (lambda f: (f / "pytorch_model.bin").write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." * 99),
                   ["PyTorch 1.6"]),
    "no tensors": (lambda f: pickled(f, {"epoch": 3}), ["entry 'epoch' is no tensor"]),
    "cut": (lambda f: (f / "pytorch_model.bin").write_bytes((f / "pytorch_model.bin").read_bytes()[:-30]),
            ["pytorch_model.bin"]),
    "compressed": (lambda f: recompressed(f / "pytorch_model.bin"), ["entry 'pytorch_model/", "compressed"]),
}


def recompressed(file):
    with zipfile.ZipFile(file) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)


@pytest.mark.parametrize("name", HOSTILE_TORCH)
def test_hostile_torch_files(name, tmp_path):
    spoil, said = HOSTILE_TORCH[name]
    folder = program.write_folder(tmp_path / "in", *families.telechat(63), torch=True)
    spoil(folder)
    done = program.run_convert(folder, tmp_path / "out.gguf", check=False)
    assert done.returncode == 1 and "pytorch_model.bin" in done.stderr
    for part in said:
        assert part in done.stderr, done.stderr
    assert list(tmp_path.glob("out*")) == [] and not list(tmp_path.rglob("was-run"))


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


def start_convert(folder, model, *arguments):
    return subprocess.Popen(
        [str(paths.PROGRAM), "convert", str(folder), "-o", str(model), *arguments], stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, env=paths.clean_environment(XINGCHA_HOME=str(folder)))


@pytest.mark.parametrize("shards", [1, 3])
def test_killed_at_any_time(shards, tmp_path):
    """kill -9 at 30 moments: never a file under the final name; whatever a kill leaves, the next run ends with the same
    bytes. Every third time the next run is killed too, on what the last one left."""
    folder = program.large_folder(tmp_path / "in", 1 / 16, "bf16", shards)
    model = tmp_path / "out.gguf"
    begin = time.monotonic()
    program.run_convert(folder, model)
    takes = time.monotonic() - begin
    whole = hashlib.sha256(model.read_bytes()).digest()
    model.unlink()
    moments = random.Random(66 + shards)
    killed = left_parts = 0
    for round_number in range(30):
        running = start_convert(folder, model)
        time.sleep(moments.uniform(0, takes))
        running.send_signal(signal.SIGKILL)
        if running.wait() == -signal.SIGKILL and not model.exists():
            killed += 1
            left_parts += len(list(tmp_path.glob("out.gguf.part")))
            if round_number % 3 == 0:
                continue
            program.run_convert(folder, model)
        assert hashlib.sha256(model.read_bytes()).digest() == whole
        assert [p.name for p in tmp_path.glob("out*") if p != model] in ([], ["out.gguf.part.journal"])
        model.unlink()
        (tmp_path / "out.gguf.part.journal").unlink(missing_ok=True)
    assert killed >= 8 and left_parts >= 5, "the moments were not inside the work"


def test_a_second_run_keeps_what_was_whole(tmp_path):
    """Killed when half is written: the next run does not begin anew (its part is not written from the start)."""
    folder = program.large_folder(tmp_path / "in", 1 / 8, "bf16", 1)
    model = tmp_path / "out.gguf"
    journal = tmp_path / "out.gguf.part.journal"
    running = start_convert(folder, model)
    while running.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 20):
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    if model.exists():
        pytest.skip("it was done before it could be killed")
    kept = [line.split() for line in journal.read_text().splitlines(keepends=True)[1:] if line.endswith("\n")]
    assert len(kept) >= 20
    running = start_convert(folder, model)
    while running.poll() is None and journal.exists():
        lines = journal.read_text().splitlines()[1:]
        if len(lines) > len(kept):
            assert [line.split() for line in lines[: len(kept)]] == kept
            break
    assert running.wait() == 0


def largest_private_kib(running):
    largest = 0
    while running.poll() is None:
        largest = max(largest, program.private_kib(running.pid))
        time.sleep(0.005)
    assert running.wait() == 0
    return largest


@pytest.mark.parametrize("torch", [False, True])
def test_memory_is_bounded(torch, tmp_path):
    """What no file backs stays far below the weights; the pages of the mapping are the page cache's."""
    folder = program.large_folder(tmp_path / "in", 3 / 16, "bf16", 2, torch)
    assert 0 < largest_private_kib(start_convert(folder, tmp_path / "out.gguf")) < 128 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("source, shards, kind", [("bf16", 1, "f16"), ("bf16", 8, "q8_0"), ("f32", 3, "f16")])
def test_two_gibibytes(source, shards, kind, tmp_path):
    """2 GiB of weights: at most 512 MiB beyond the page cache, anonymous memory of the process being all it has."""
    folder = program.large_folder(tmp_path / "in", 2, source, shards)
    assert sum(f.stat().st_size for f in folder.iterdir()) > 1.95 * (1 << 30)
    model = tmp_path / "out.gguf"
    largest = largest_private_kib(start_convert(folder, model, "--type", kind))
    assert 0 < largest < 512 * 1024, f"{largest} KiB"
    assert model.stat().st_size > (1 << 30) * 0.95


def test_safetensors_codes_are_the_programs():
    """The tests' own FP8 table has the landmarks of the format, so that it may judge the program."""
    values = safetensors_file.e4m3_values()
    assert values[0x7E] == 448 and values[0x08] == 2.0**-6 and values[0x01] == 2.0**-9 and np.isnan(values[0xFF])
