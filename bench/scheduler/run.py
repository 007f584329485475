#!/usr/bin/env python3
"""./x bench scheduler — E1 … E8 and plain decode: Xingcha without settings against llama-server of the same
source, default and tuned, in one run and in turn.

Every token count of the issue's table is multiplied by --scale (some have a floor, each table says its real counts).
Ratios say how many times better ours is. Prints tables and writes bench/out/scheduler.json.
"""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "bench"), str(ROOT / "tests")]  # the clients and servers of both

import e1_burst  # noqa: E402
import e2_alternating  # noqa: E402
import e3_long_arrives  # noqa: E402
import e4_restart  # noqa: E402
import e5_small_pool  # noqa: E402
import e6_fairness  # noqa: E402
import e7_quotes  # noqa: E402
import e8_neighbour  # noqa: E402
import e9_plain  # noqa: E402
import table  # noqa: E402
from plan import MODEL, Plan, facts_of  # noqa: E402
from servers import build_llama_server, model_path  # noqa: E402

WORKLOADS = {"E1": e1_burst, "E2": e2_alternating, "E3": e3_long_arrives, "E4": e4_restart, "E5": e5_small_pool,
             "E6": e6_fairness, "E7": e7_quotes, "E8": e8_neighbour, "plain": e9_plain}
OUT = ROOT / "bench/out/scheduler.json"


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="./x bench scheduler", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.125,
                        help="1 is the issue's size; the default ends within about 25 minutes at 100 tokens/s")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="NAME",
                        help=" ".join(WORKLOADS))
    return parser.parse_args(arguments)


def facts_of_run(options):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
               platform.machine())
    version = subprocess.run([ROOT / "build/bin/xingcha", "--version"], capture_output=True, text=True)
    return {"cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0], "xingcha": version.stdout.strip(),
            "model": MODEL, "peer": "llama-server of the pinned source, same compiler and variants",
            "scale": options.scale, "repeats": options.repeats, "time": time.strftime("%Y-%m-%d %H:%M")}


def measure(name, plan):
    """A workload that breaks is a line of the table, not the end of the run."""
    begun = time.monotonic()
    try:
        result = WORKLOADS[name].run(plan)
    except Exception as e:
        traceback.print_exc()
        result = table.Result(name, "broke", "", notes=[f"{type(e).__name__}: {e}"])
    result.notes.append(f"{time.monotonic() - begun:.0f} s in all.")
    return result


def main():
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers end and homes go, as with Ctrl-C
    path = model_path(MODEL)
    plan = Plan(options.scale, options.repeats, build_llama_server(), facts_of(path.parents[1]))
    out = {"facts": facts_of_run(options), "workloads": []}
    print(json.dumps(out["facts"], ensure_ascii=False), flush=True)
    for name in options.only:
        result = measure(name, plan)
        table.show(result, options.scale)
        out["workloads"].append(table.as_json(result))
        OUT.parent.mkdir(exist_ok=True)  # after each: an interrupted run keeps what it has
        OUT.write_text(json.dumps(out, ensure_ascii=False, indent=1))
    goals = [g for w in out["workloads"] for r in w["rows"] for g in r["goals"]]
    reached = sum(g["reached"] is True for g in goals)
    print(f"{reached} of {len(goals)} targets reached at scale {options.scale:g}.")
    return any(w["title"] == "broke" for w in out["workloads"])


if __name__ == "__main__":
    sys.exit(main())
