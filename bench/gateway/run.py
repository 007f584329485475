#!/usr/bin/env python3
"""./x bench gateway — the governed door beside nginx, smg, Portkey and LiteLLM: one mock upstream, one run, in turn.

The gateway has core 0, load and mock share core 1. Medians of --repeat rounds with (least–most); ratios are medians
of the rounds' own ratios, so that a machine that drifts moves both sides. Prints the table and writes
bench/out/gateway.json. No number is asserted.
"""
import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import load
from sides import PROGRAMS, ROOT, Door, LiteLlm, Mock, Nginx, Portkey, Smg

MEASURES = ["rps", "latency", "stream", "smooth", "memory", "leaves"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sides_of(names, upstream):
    made = {"nginx": lambda: Nginx(free_port(), upstream),
            "governed": lambda: Door("governed", "governed", free_port()),
            "keyed": lambda: Door("keyed", "keyed", free_port()),
            "smg": lambda: Smg("smg", free_port(), upstream),
            "smg tuned": lambda: Smg("smg tuned", free_port(), upstream, "--policy", "passthrough",
                                     "--disable-retries", "--disable-circuit-breaker",
                                     "--disable-load-monitoring", "--disable-health-check"),
            "portkey": lambda: Portkey(free_port(), upstream),
            "litellm": lambda: LiteLlm(free_port(), upstream)}
    return [made[name]() for name in names]


def measure_round(target, options):
    out = {}
    if "rps" in options.only:
        before = target.cpu_s()
        busy = load.wrk(target, 64, options.seconds)
        if not busy["requests"]:
            raise RuntimeError(f"no reply in {options.seconds} s")
        out["rps, c=64"] = busy["rps"]
        out["CPU µs a request, c=64"] = (target.cpu_s() - before) / busy["requests"] * 1e6
    if "latency" in options.only:
        alone = load.wrk(target, 1, options.seconds)
        out["p50 ms, c=1"], out["p99 ms, c=1"] = alone["p50_ms"], alone["p99_ms"]
    if "stream" in options.only and target.streams:
        paced = load.pacing(target, 2)
        out["TTFT ms"], out["gap ms"] = paced["ttft_ms"], paced["gap_ms"]
    return out


def measure_once(target, options):
    out = {}
    if "memory" in options.only:
        out["resident MiB, idle"] = target.resident()
    if "smooth" in options.only and target.streams:
        out["smooth streams of 512"] = load.smooth_streams(target, 512)
    if "memory" in options.only and target.streams:
        out["resident MiB, 1,000 streams"], out["resident MiB, after"] = with_streams(target)
    return out


def with_streams(target):
    """Most while a thousand paced streams run, and what is left two seconds after."""
    child = os.fork()
    if child == 0:
        try:
            load.run_streams(target, 1000, spread_s=0.5)
        finally:
            os._exit(0)
    most = 0.0
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        most = max(most, target.resident())
        time.sleep(0.05)
    time.sleep(2)
    return most, target.resident()


def version_of(command):
    text = subprocess.run(command, capture_output=True, text=True)
    return (text.stdout + text.stderr).strip().splitlines()[0]


def leaves(seconds):
    """The audit log alone, on core 0, offered the most and 55,000 leaves/s: leaves/s on disk and signed.

    The time until the log is closed counts too, so what is offered is never quite reached.
    """
    folder = tempfile.mkdtemp(prefix="xcg-", dir=ROOT / "build")  # a disk, not a tmpfs
    try:
        return [json.loads(subprocess.run(
            ["taskset", "-c", "0", ROOT / "build/tests/audit_leaves", f"{folder}/{i}", str(seconds), "1",
             "sha256-ed25519", rate], capture_output=True, text=True, check=True).stdout)
            for i, rate in enumerate(("0", "55000"))]
    finally:
        shutil.rmtree(folder)


def show(results, names):
    rows = list(dict.fromkeys(row for name in names for row in results[name]))
    print("\n| measure | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for row in rows:
        cells = []
        for name in names:
            values = results[name].get(row)
            if not values:
                cells.append("–")
                continue
            mid = statistics.median(values)
            cell = f"{mid:,.0f}" if mid >= 1000 else f"{mid:.3g}"
            if len(values) > 1:
                cell += f" ({min(values):,.3g}–{max(values):,.3g})"
            floor = results.get("nginx", {}).get(row)
            if name != "nginx" and floor and len(floor) == len(values):
                if "rps" in row or "CPU" in row:
                    cell += f" ×{statistics.median(a / b for a, b in zip(values, floor)):.3g}"
                elif " ms" in row:
                    cell += f" +{statistics.median(a - b for a, b in zip(values, floor)):.3g}"
            cells.append(cell)
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def measure_all(sides, options):
    results = {side.name: {} for side in sides}
    for side in list(sides):
        try:
            side.start()
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            print(f"{side.name}: left out: {error}", flush=True)
            side.stop()
            sides.remove(side)
    for measure, rounds in ((measure_once, 1), (measure_round, options.repeat)):
        for _ in range(rounds):
            for side in sides:
                try:
                    for row, value in measure(side, options).items():
                        results[side.name].setdefault(row, []).append(value)
                except (RuntimeError, OSError) as error:
                    print(f"{side.name}: {error}", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(prog="./x bench gateway", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of one wrk run")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="MEASURE")
    parser.add_argument("--sides", nargs="+", metavar="NAME",
                        default=["nginx", "governed", "keyed", "smg", "smg tuned", "portkey", "litellm"])
    parser.add_argument("--built", action="store_true", help="take build/bench as it is")
    options = parser.parse_args()
    if not options.built:
        subprocess.run(["ninja", "-C", ROOT / "build", "gateway_mock", "gateway_door",
                        "audit_leaves"], check=True,
                       stdout=subprocess.DEVNULL)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    facts = {"cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0],
             "nginx": version_of([shutil.which("nginx") or "/usr/sbin/nginx", "-v"]),
             "repeat": options.repeat, "seconds": options.seconds,
             "time": time.strftime("%Y-%m-%d %H:%M")}
    print(json.dumps(facts))
    mock = Mock("mock", free_port()).start()
    sides = sides_of(options.sides, mock.port)
    try:
        results = measure_all(sides, options)
    finally:
        for side in [*sides, mock]:
            side.stop()
    show(results, options.sides)
    if "leaves" in options.only:
        facts["audit log"] = leaves(options.seconds)
        print("\naudit log:", facts["audit log"])
    (ROOT / "bench/out").mkdir(exist_ok=True)
    (ROOT / "bench/out/gateway.json").write_text(json.dumps({"facts": facts, "results": results}, indent=1))


if __name__ == "__main__":
    main()
