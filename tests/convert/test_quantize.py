"""`xingcha quantize` and `convert --type q4_k_m`: llama.cpp's quantisers behind the plug-in."""

import json
import signal
import subprocess
import time

import families
import numpy as np
import program
import pytest
import reference
from harness import paths


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


def test_convert_goes_through_a_file_that_vanishes(llama, tmp_path):
    _, _, folder, f16 = llama
    quantize(f16, tmp_path / "two.gguf", "--type", "q4_k_m", "--threads", 1)
    program.run_convert(folder, tmp_path / "one.gguf", "--type", "q4_k_m")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.gguf", "two.gguf"]
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    home = tmp_path / "home"
    environment = paths.clean_environment(XINGCHA_HOME=str(home))
    for command in (["import", str(tmp_path / "one.gguf"), "--name", "tiny"], ["list", "--json"]):
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
