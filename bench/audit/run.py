#!/usr/bin/env python3
"""Sustained audit leaves a second, all on disk, with an fsync every 10 ms; every log is verified afterwards.

    ninja -C build audit_leaves xingcha && bench/audit/run.py [--folder DISK] [--seconds 10] [--repeats 3]

The floor beside it is the disk itself: how often a second it can append 4 KiB and fdatasync.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def syncs_per_s(folder, seconds=1.0):
    path = folder / "floor"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        os.write(fd, b"x" * 4096)
        os.fdatasync(fd)
        count += 1
    os.close(fd)
    path.unlink()
    return count / (time.monotonic() - begun)


def one(build, folder, seconds, threads, profile):
    log = folder / "log"
    out = subprocess.run([build / "tests/audit_leaves", log, str(seconds), str(threads), profile],
                         check=True, capture_output=True, text=True).stdout
    found = subprocess.run([build / "bin/xingcha", "verify-audit", log, "--json"], capture_output=True, text=True)
    assert json.loads(found.stdout)["good"], found.stdout
    size = sum(path.stat().st_size for path in log.iterdir())
    shutil.rmtree(log)
    return json.loads(out) | {"log_mib": round(size / 2**20, 1)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    arguments.add_argument("--folder", type=pathlib.Path, default=None, help="on the disk to measure")
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--repeats", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder or chosen.build) as name:
        folder = pathlib.Path(name)
        print(f"disk: {syncs_per_s(folder):.0f} appends of 4 KiB with fdatasync a second")
        for profile in ("sha256-ed25519", "sm3-sm2"):
            for threads in (1, 2):
                runs = [one(chosen.build, folder, chosen.seconds, threads, profile) for _ in range(chosen.repeats)]
                rates = sorted(run["leaves_per_s"] for run in runs)
                print(f"{profile:15} {threads} thread(s): {statistics.median(rates):9.0f} leaves/s "
                      f"({rates[0]:.0f}–{rates[-1]:.0f}), {runs[0]['syncs_per_s']:.0f} syncs/s, "
                      f"{runs[0]['log_mib']} MiB in {chosen.seconds} s")


if __name__ == "__main__":
    main()
