"""`xingcha quantize` and `convert --type q4_k_m`: llama.cpp's quantisers behind the plug-in."""

import json
import math
import signal
import subprocess
import time

import families
import numpy as np
import program
import pytest
import reference
from harness import paths
from harness.server import fresh_server


def quantize(*arguments, check=True):
    done = subprocess.run([str(paths.PROGRAM), "quantize", *map(str, arguments)], capture_output=True, text=True,
                          timeout=paths.PATIENCE_S, env=paths.clean_environment(XINGCHA_HOME="/nonexistent"))
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """Config, weights, folder and the f16 file of a model whose rows are whole super-blocks of 256."""
    root = tmp_path_factory.mktemp("llama")
    config, weights = families.llama(81, hidden=256, head_dim=64)
    folder = program.write_folder(root / "in", config, weights)
    program.run_convert(folder, root / "f16.gguf", "--type", "f16")
    return config, weights, folder, root / "f16.gguf"


def worst(config, weights, model, prompts):
    exact = {n: t.astype(np.float64) for n, t in weights.items()}
    return max(np.abs(reference.llama(config, exact, np.array(a.ids)) - a.logits).max()
               for a in program.answers(model, prompts[:3], 0))


def test_smaller_types_lose_more(llama, tmp_path, prompts):
    config, weights, _, f16 = llama
    lost, sizes = [], []
    for kind in ("q8_0", "q6_k", "q4_k_m", "q2_k"):
        model = tmp_path / f"{kind}.gguf"
        quantize(f16, model, "--type", kind)
        lost.append(worst(config, weights, model, prompts))
        sizes.append(model.stat().st_size)
    assert sizes == sorted(sizes, reverse=True) and sizes[0] < f16.stat().st_size
    assert lost[0] < 0.2 and lost[0] < lost[2] < lost[3], lost


def knows(ids, config, weights):
    """Makes the model foresee this text: no layer adds anything, and the head looks for the token before. Noise in its
    weights costs it, more noise more, which is not so for a text that a model does not know."""
    for name, tensor in weights.items():
        if "o_proj" in name or "down_proj" in name:
            weights[name] = np.zeros_like(tensor)
    table = weights["model.embed_tokens.weight"]
    weights["model.norm.weight"] = np.ones(config["hidden_size"], np.float32)
    directions = table / np.linalg.norm(table, axis=1, keepdims=True)
    head = np.zeros_like(table)
    for now, following in set(zip(ids, ids[1:])):
        head[following] += directions[now] * 0.25
    weights["lm_head.weight"] = head


def test_what_a_precision_costs(tmp_path):
    """`eval perplexity` on one text: the fewer bits, the dearer. The table of the chapter is this test's."""
    text = "hello 你好 中国 abc 12 e b c d lo 3 ab 国 4 hello中 5 cab 6 dal 7 o好 8 你9 0 " * 12
    config, weights = families.llama(82, hidden=256, head_dim=64)
    folder, f16 = tmp_path / "in", tmp_path / "f16.gguf"
    program.run_convert(program.write_folder(folder, config, weights), f16)
    knows(program.token_ids(f16, [text])[0], config, weights)
    f16.unlink()
    program.run_convert(program.write_folder(folder, config, weights), f16)
    (tmp_path / "text.txt").write_text(text)
    nats, sizes = {}, {}
    with fresh_server(models=False) as server:
        for kind in ("f16", "q8_0", "q4_k_m", "q2_k"):
            model, name = tmp_path / f"{kind}.gguf", kind.replace("_", "-")
            if kind != "f16":
                quantize(f16, model, "--type", kind)
            server.home.cli("import", model, "--name", name, "--yes")
            said = json.loads(server.home.cli("eval", "perplexity", tmp_path / "text.txt", "--model", name, "--json").stdout)
            nats[kind], sizes[kind] = math.log(said["perplexity"]), model.stat().st_size
    lost = {kind: value - nats["f16"] for kind, value in nats.items()}
    print({kind: (sizes[kind], round(math.exp(nats[kind]), 4), round(lost[kind], 4)) for kind in nats})
    assert abs(lost["q8_0"]) < 0.003 and abs(lost["q8_0"]) < abs(lost["q4_k_m"]) < lost["q2_k"]


def test_convert_goes_through_a_file_that_vanishes(llama, tmp_path):
    _, _, folder, f16 = llama
    quantize(f16, tmp_path / "two.gguf", "--type", "q4_k_m", "--threads", 1)
    program.run_convert(folder, tmp_path / "one.gguf", "--type", "q4_k_m")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.gguf", "two.gguf"]
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    home = tmp_path / "home"
    environment = paths.clean_environment(XINGCHA_HOME=str(home))
    for command in (["import", str(tmp_path / "one.gguf"), "--name", "tiny", "--yes"], ["list", "--json"]):
        done = subprocess.run([str(paths.PROGRAM), *command], capture_output=True, text=True, env=environment,
                              timeout=paths.PATIENCE_S)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["quantization"] == "Q4_K_M"


def test_refusals_leave_nothing(llama, tmp_path):
    f16 = llama[3]
    (tmp_path / "taken.gguf").write_text("mine")
    done = quantize(f16, tmp_path / "taken.gguf", check=False)
    assert done.returncode == 1 and "exists" in done.stderr
    assert (tmp_path / "taken.gguf").read_text() == "mine"
    (tmp_path / "broken.gguf").write_bytes(f16.read_bytes()[:5000])
    assert quantize(tmp_path / "broken.gguf", tmp_path / "a.gguf", check=False).returncode == 1
    assert quantize(tmp_path / "absent.gguf", tmp_path / "a.gguf", check=False).returncode == 1
    assert quantize(f16, tmp_path / "a.gguf", "--type", "q9", check=False).returncode == 2
    quantize(f16, tmp_path / "q4.gguf", "--type", "q4_0")
    done = quantize(tmp_path / "q4.gguf", tmp_path / "a.gguf", check=False)
    assert done.returncode == 1 and "it is Q4_0" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.gguf", "q4.gguf", "taken.gguf"]


def test_interrupted_and_killed(llama, tmp_path):
    """Never a file under the final name that is not whole; what a kill leaves does not stop the next run."""
    f16 = llama[3]
    quantize(f16, tmp_path / "whole.gguf", "--type", "q5_k_m")
    whole = (tmp_path / "whole.gguf").read_bytes()
    for end in (signal.SIGINT, signal.SIGKILL):
        for wait in (0.01, 0.04):
            running = subprocess.Popen(
                [str(paths.PROGRAM), "quantize", str(f16), str(tmp_path / "out.gguf"), "--type", "q5_k_m"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=paths.clean_environment(XINGCHA_HOME="/nonexistent"))
            time.sleep(wait)
            running.send_signal(end)
            running.wait()
            if (tmp_path / "out.gguf").exists():
                assert (tmp_path / "out.gguf").read_bytes() == whole
                (tmp_path / "out.gguf").unlink()
    quantize(f16, tmp_path / "out.gguf", "--type", "q5_k_m")
    assert (tmp_path / "out.gguf").read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.gguf", "whole.gguf"]
