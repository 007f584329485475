"""E8: a busy neighbour on one core."""
import subprocess
import sys

import workloads
from plan import DEFAULT, TUNED
from sides import running
from table import Result

BUSY = [sys.executable, "-c", "while True: pass"]


def run(plan):
    out = plan.count(256, 48)
    fixed = [plan.own(f"xingcha {n} thread{'s' * (n > 1)}", XINGCHA_THREADS=str(n)) for n in (1, 2)]
    sides = [plan.own(), *fixed, plan.peer(DEFAULT), plan.peer(TUNED, "-t", 1, "--poll", 0)]
    rates = {s.name: [] for s in sides}
    with running(*sides):
        neighbour = subprocess.Popen(BUSY)
        try:
            for side in sides:
                workloads.decode(side, 1, out)  # not counted: the governor looks around
            for salt in range(plan.repeats):
                for side in sides:
                    rates[side.name].append(workloads.decode(side, 1, out, salt=1_000 + salt))
        finally:
            neighbour.kill()
            neighbour.wait()
    result = Result("E8", "a busy neighbour on one core", f"decode tokens/s of one stream, {out} out")
    result.take_flags(sides)
    row = result.row("decode tok/s", rates, better="high")
    row.goal("≥ 0.9 × best fixed", row.best_peer([s.name for s in fixed]), lambda r: r >= 0.9)
    return result
