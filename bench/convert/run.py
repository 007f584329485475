#!/usr/bin/env python3
"""How fast a folder becomes a GGUF file, against `cp` of the same folder on the same disk, and what memory it takes.

usage: run.py [GIB] [FOLDER]     a synthetic bf16 Llama checkpoint of GIB (default 2) under FOLDER (default /tmp)
Every figure is the median of three; the page cache holds the weights in both, the files are written and synced.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "convert")]

import families  # noqa: E402
import numpy as np  # noqa: E402
import program  # noqa: E402
from harness import paths  # noqa: E402


def make(folder, gibibytes):
    hidden, layers = 2048, 8
    ffn = int(gibibytes * (1 << 30)) // (layers * 3 * hidden * 2)
    config, weights = families.llama(1, hidden=hidden, head_dim=512, tied=True)
    config.update(intermediate_size=ffn, num_hidden_layers=layers)
    tile = (np.random.default_rng(1).standard_normal((ffn, hidden)).astype(np.float32).view(np.uint32) >> 16)
    tile = tile.astype(np.uint16)
    first = {n: t for n, t in weights.items() if n.startswith("model.layers.0.")}
    weights = {n: t for n, t in weights.items() if not n.startswith("model.layers.")}
    for i in range(layers):
        for name, tensor in first.items():
            if ".mlp." in name:
                tensor = tile.reshape(hidden, ffn) if "down" in name else tile
            weights[name.replace("layers.0.", f"layers.{i}.")] = tensor
    return program.write_folder(folder, config, weights, shards=4)


def watch(command):
    """Seconds and the largest anonymous memory in MiB."""
    started = time.monotonic()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=paths.clean_environment(XINGCHA_HOME="/nonexistent"))
    largest = 0
    while running.poll() is None:
        try:
            with open(f"/proc/{running.pid}/status") as status:
                largest = max([largest, *(int(x.split()[1]) for x in status if x.startswith("RssAnon"))])
        except OSError:
            pass
        time.sleep(0.02)
    assert running.returncode == 0, command
    return time.monotonic() - started, largest / 1024


def main():
    gibibytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        root = pathlib.Path(name)
        folder = make(root / "in", gibibytes)
        copies = []
        for _ in range(3):
            copies.append(watch(["sh", "-c", f"cp -r {folder} {root}/copy && sync -f {root}/copy"])[0])
            shutil.rmtree(root / "copy")
        copy = statistics.median(copies)
        print(f"{'what':16} {'s':>7} {'MiB/s of source':>16} {'x cp':>6} {'anon MiB':>9}")
        print(f"{'cp and sync':16} {copy:7.2f} {gibibytes * 1024 / copy:16.0f} {1.0:6.2f}")
        for kind in ("f16", "bf16", "q8_0", "f32"):
            runs = []
            for _ in range(3):
                runs.append(watch([str(paths.PROGRAM), "convert", str(folder), "-o", str(root / "out.gguf"),
                                   "--type", kind]))
                os.unlink(root / "out.gguf")
            seconds, memory = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
            print(f"{'convert ' + kind:16} {seconds:7.2f} {gibibytes * 1024 / seconds:16.0f} {copy / seconds:6.2f} "
                  f"{memory:9.0f}")


if __name__ == "__main__":
    main()
