#!/usr/bin/env python3
"""How fast a folder becomes a GGUF file, against `cp` of the same folder on the same disk, and what memory it takes.

usage: run.py [GIB] [FOLDER] [SHARDS]   a synthetic bf16 Llama checkpoint of GIB (default 2) under FOLDER (default /tmp)
                                        in SHARDS files (default 8)
In turn, so that a disk that slows down slows all down; every figure is the median of three rounds, the ratio that of the
rounds' ratios. The page cache holds the weights in both; the files are written and synced. CPU: user and system.
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


def make(folder, gibibytes, shards):
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
    return program.write_folder(folder, config, weights, shards=shards)


def watch(command):
    """Seconds, the largest anonymous memory in MiB, and seconds of the processors."""
    started, used = time.monotonic(), os.times()
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
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return time.monotonic() - started, largest / 1024, cpu


def main():
    gibibytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    shards = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        root = pathlib.Path(name)
        folder = make(root / "in", gibibytes, shards)
        gibibytes = sum(f.stat().st_size for f in folder.iterdir()) / (1 << 30)  # with embedding and attention
        os.sync()
        commands = {"cp and sync": ["sh", "-c", f"cp -r {folder} {root}/copy && sync -f {root}/copy"]}
        for kind in ("f16", "bf16", "q8_0", "f32"):
            commands[f"convert {kind}"] = [str(paths.PROGRAM), "convert", str(folder), "-o", str(root / "out.gguf"),
                                           "--type", kind]
        runs = {what: [] for what in commands}
        for _ in range(3):
            for what, command in commands.items():
                runs[what].append(watch(command))
                shutil.rmtree(root / "copy", ignore_errors=True)
                (root / "out.gguf").unlink(missing_ok=True)
                os.sync()
        copies = [seconds for seconds, _, _ in runs["cp and sync"]]
        print(f"{gibibytes:.2f} GiB in {shards} shards, medians of 3 rounds")
        print(f"{'what':16} {'s':>7} {'MiB/s of source':>16} {'x cp':>6} {'CPU s':>6} {'anon MiB':>9}")
        for what, results in runs.items():
            seconds = statistics.median(r[0] for r in results)
            ratio = statistics.median(copy / r[0] for copy, r in zip(copies, results))
            print(f"{what:16} {seconds:7.2f} {gibibytes * 1024 / seconds:16.0f} {ratio:6.2f} "
                  f"{statistics.median(r[2] for r in results):6.2f} {max(r[1] for r in results):9.0f}")


if __name__ == "__main__":
    main()
