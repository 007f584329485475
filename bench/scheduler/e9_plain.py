"""Plain decode: what all of the above may not cost."""
import workloads
from plan import DEFAULT, TUNED
from sides import running
from table import Result

STREAMS = (1, 4, 8, 16)


def run(plan):
    out = plan.count(256, 48)
    sides = [plan.own(), plan.peer(DEFAULT, "-np", max(STREAMS)),
             plan.peer(TUNED, "-np", max(STREAMS), "-c", 16_384, "-b", 512, "-ub", 512, "--cache-ram", 0,
                       "--no-cache-idle-slots")]
    result = Result("plain", "decode, no tax", f"tokens/s over all streams, {out} out each")
    result.take_flags(sides)
    with running(*sides):
        for streams in STREAMS:
            rates = {s.name: [] for s in sides}
            for repeat in range(plan.repeats):
                for side in sides:
                    salt = 1_000 * (1 + repeat) + 100 * streams
                    rates[side.name].append(workloads.decode(side, streams, out, salt=salt))
            row = result.row(f"{streams} stream{'s' * (streams > 1)}", rates, better="high")
            row.goal("≥ 1.0 × both", row.best_peer([DEFAULT, TUNED]), lambda r: r >= 1.0)
    result.notes.append("The default has as many slots as there are streams; its own four would queue the rest.")
    return result
