#!/usr/bin/env python3
"""./x bench — Xingcha against llama-server of the same source, in one run, as ratios.

Medians of --repeats, in turn (A B A B …) so that the machine's drift hits both. Prints a table and
writes bench/out/serving.json. Nothing here is a test: no number is asserted.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

import workloads
from http_stream import Connection
from servers import ROOT, LlamaServer, Xingcha, build_llama_server, model_path

MODEL = "smollm2-135m-instruct"
MEASURES = [
    ("decode tok/s, 1 stream", lambda s: workloads.decode(s, 1, 64), True, "≥ 1.00"),
    ("decode tok/s, 8 streams", lambda s: workloads.decode(s, 8, 32), True, "≥ 1.00"),
    ("TTFT ms, 32 tokens", workloads.ttft_ms, False, "≤ 1.00"),
    ("prefill tok/s, 512 tokens", workloads.prefill, True, "≥ 0.98"),
]
EMBEDDING = ("embeddings/s, 32 rows", workloads.embeddings, True, "≥ 1.00")


def middle(values):
    return statistics.median(values), min(values), max(values)


def compare(servers, measures, repeats):
    """{measure: {server: [values]}}, the servers in turn."""
    table = {}
    for name, measure, _, _ in measures:
        table[name] = {s.name: [] for s in servers}
        for s in servers:
            measure(s)  # warm-up, not counted
        for _ in range(repeats):
            for s in servers:
                table[name][s.name].append(measure(s))
    return table


def ratio_of(own, other):
    """Median of the ratios pair by pair: a machine that drifts moves both of a pair."""
    return statistics.median(a / b for a, b in zip(own, other))


def show(table, measures, servers):
    print(f"\n{'measure':30}" + "".join(f"{s.name:>34}" for s in servers) + f"{'target':>9}")
    for name, _, _, target in measures:
        own = table[name][servers[0].name]
        row = f"{name:30}"
        for s in servers:
            values = table[name][s.name]
            mid, low, high = middle(values)
            ratio = "" if s is servers[0] else f" ×{ratio_of(own, values):.2f}"
            row += f"{f'{mid:.1f} ({low:.1f}–{high:.1f}){ratio}':>34}"
        print(row + f"{target:>9}", flush=True)


def serving(repeats):
    program, path = build_llama_server(), model_path(MODEL)
    chat = [Xingcha(MODEL), LlamaServer("llama-server default", program, path),
            LlamaServer("llama-server tuned", program, path, "-np", "8", "-c", "16384", "-b", "512",
                        "-ub", "512", "--cache-ram", "0", "--no-cache-idle-slots")]
    vectors = [Xingcha(MODEL), LlamaServer("llama-server default", program, path, "--embeddings",
                                           "--pooling", "mean"),
               LlamaServer("llama-server tuned", program, path, "--embeddings", "--pooling", "mean",
                           "-np", "64", "-c", "8192", "-b", "2048", "-ub", "2048")]
    results = {}
    for servers, measures in ((chat, MEASURES), (vectors, [EMBEDDING])):
        for s in servers:
            s.model_name = MODEL
            s.__enter__()
        try:
            table = compare(servers, measures, repeats)
            show(table, measures, servers)
            results.update(table)
        finally:
            for s in servers:
                s.__exit__()
    return results


def overhead(repeats):
    """The gateway's own price: over the worker's socket, at rest, with many idle streams."""
    result = {}
    with Xingcha(MODEL) as server:
        result["start to ready s"] = server.ready_s
        time.sleep(0.3)
        result["resident MiB after start"] = server.resident_kib() / 1024
        gateway = server.connection()
        workloads.small_request_ms(gateway, MODEL, 1)  # loads the model
        worker = Connection(server.worker_socket()).open()
        added, gaps = [], []
        for _ in range(repeats):
            added.append(workloads.small_request_ms(gateway, MODEL)
                         - workloads.small_request_ms(worker, MODEL))
            gaps.append(workloads.gap_ms(gateway, MODEL) - workloads.gap_ms(worker, MODEL))
        result["added p50 ms"] = statistics.median(added)
        result["added gap ms"] = statistics.median(gaps)
        before = server.resident_kib()
        streams = []
        for i in range(1000):
            c = server.connection()
            c.send("/v1/completions", workloads.request("one two three", 4000, MODEL))
            streams.append(c)
        time.sleep(3)
        result["1,000 open streams, MiB more"] = (server.resident_kib() - before) / 1024
        result["1,000 open streams, MiB in all"] = server.resident_kib() / 1024
        for c in streams:
            c.close()
    binary = (ROOT / "build/bin/xingcha").stat().st_size
    everything = sum(f.stat().st_size for f in (ROOT / "build/bin").iterdir() if f.is_file())
    result["program MiB"] = binary / 2**20
    result["program with all libraries MiB"] = everything / 2**20
    print()
    for name, value in result.items():
        print(f"{name:34}{value:10.3f}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["serving", "overhead"])
    options = parser.parse_args()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    version = subprocess.run([ROOT / "build/bin/xingcha", "--version"], capture_output=True,
                             text=True).stdout.strip()
    facts = {"cpu": cpu, "cores": os.cpu_count(), "xingcha": version, "model": MODEL,
             "peer": "llama-server of the pinned source, same compiler and variants",
             "repeats": options.repeats, "time": time.strftime("%Y-%m-%d %H:%M")}
    print(json.dumps(facts, ensure_ascii=False))
    out = {"facts": facts}
    if options.only != "overhead":
        out["serving"] = serving(options.repeats)
    if options.only != "serving":
        out["overhead"] = overhead(options.repeats)
    (ROOT / "bench/out").mkdir(exist_ok=True)
    Path(ROOT / "bench/out/serving.json").write_text(json.dumps(out, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
