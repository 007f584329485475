#!/usr/bin/env python3
"""How fast a folder becomes a GGUF file, against `cp` of the same folder on the same disk, and what memory it takes.

usage: ./x bench convert [--gib 2] [--folder /tmp] [--shards 1 8] [--rounds 5] [--sources f16 bf16 f32] [--no-sha]

A synthetic Llama checkpoint, its source in the page cache. Both sides write and sync: `cp -r` and `sync -f`, the converter
with its own fsync. They run in turn, so that a disk or a machine that slows down slows both; a ratio is the median of the
rounds' own ratios, with the least and the most. "x cp" compares the seconds for one folder; what is written may be less
(q8_0, f32 to f16), so "x bytes" compares the bytes written a second. CPU: user and system. Writes bench/out/convert.json.

--no-sha hides the processor's SHA instructions from OpenSSL, as on servers that have none.
"""

import argparse
import json
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
import program  # noqa: E402
from harness import paths  # noqa: E402

TARGETS = {"f16": ("f16",), "bf16": ("f16", "bf16", "q8_0"), "f32": ("f16",)}
GOAL = 0.5  # x cp


def watch(command, environment):
    """Seconds, the largest anonymous memory in MiB, seconds of the processors."""
    started, used = time.monotonic(), os.times()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    largest = 0
    while running.poll() is None:
        largest = max(largest, program.private_kib(running.pid))
        time.sleep(0.02)
    assert running.returncode == 0, (command, running.stderr.read().decode())
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return time.monotonic() - started, largest / 1024, cpu


def measure(folder, root, kinds, rounds, environment):
    """The rounds of one source folder: seconds, MiB and CPU of cp and of each target, bytes written."""
    output = root / "out.gguf"
    commands = {"cp": ["sh", "-c", f"cp -r {folder} {root}/copy && sync -f {root}/copy"]}
    for kind in kinds:
        commands[kind] = [str(paths.PROGRAM), "convert", str(folder), "-o", str(output), "--type", kind]
    runs, written = {what: [] for what in commands}, {}
    for _ in range(rounds):
        for what, command in commands.items():
            runs[what].append(watch(command, environment))
            written[what] = sum(f.stat().st_size for f in folder.iterdir()) if what == "cp" else output.stat().st_size
            shutil.rmtree(root / "copy", ignore_errors=True)
            output.unlink(missing_ok=True)
            os.sync()
    return runs, written


def spread(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def rows_of(source, shards, runs, written):
    copies = [seconds for seconds, _, _ in runs["cp"]]
    for what, results in runs.items():
        times = [seconds for seconds, _, _ in results]
        ratios = [copy / seconds for copy, seconds in zip(copies, times)]
        yield {"source": source, "shards": shards, "target": what, "bytes_written": written[what],
               "seconds": spread(times), "x_cp": spread(ratios),
               "x_bytes": spread([r * written[what] / written["cp"] for r in ratios]),
               "cpu_seconds": statistics.median(cpu for _, _, cpu in results),
               "anonymous_mib": max(mib for _, mib, _ in results)}


def show(row):
    seconds, ratio, by_bytes = (row[name] for name in ("seconds", "x_cp", "x_bytes"))
    verdict = "" if row["target"] == "cp" else "  reached" if ratio["median"] >= GOAL else "  NOT REACHED"
    print(f"{row['source']:>5} {row['shards']:>6} {row['target']:>6} {seconds['median']:7.2f} "
          f"({seconds['low']:.2f}-{seconds['high']:.2f}) {ratio['median']:6.2f} ({ratio['low']:.2f}-{ratio['high']:.2f}) "
          f"{by_bytes['median']:7.2f} {row['cpu_seconds']:6.2f} {row['anonymous_mib']:6.0f}{verdict}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=2)
    parser.add_argument("--folder")
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sources", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--no-sha", action="store_true")
    return parser.parse_args()


def main():
    asked = arguments()
    environment = paths.clean_environment(XINGCHA_HOME="/nonexistent")
    if asked.no_sha:
        environment["OPENSSL_ia32cap"] = ":~0x20000000"
    rows = []
    print(f"{'from':>5} {'shards':>6} {'to':>6} {'s':>7} {'':13} {'x cp':>6} {'':11} {'x bytes':>7} {'CPU s':>6} {'MiB':>6}"
          f"   load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for shards in asked.shards:
        for source in asked.sources:
            with tempfile.TemporaryDirectory(dir=asked.folder) as name:
                root = pathlib.Path(name)
                folder = program.large_folder(root / "in", asked.gib, source, shards)
                os.sync()
                runs, written = measure(folder, root, TARGETS[source], asked.rounds, environment)
                for row in rows_of(source, shards, runs, written):
                    rows.append(row)
                    show(row)
    out = ROOT / "bench" / "out" / "convert.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"gib": asked.gib, "rounds": asked.rounds, "sha_instructions": not asked.no_sha,
                               "load_at_the_end": os.getloadavg(), "rows": rows}, indent=1) + "\n")
    print(f"load at the end {os.getloadavg()[0]:.1f}; {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
