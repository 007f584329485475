"""E1: requests that arrive together and share a long prefix that nobody has computed yet."""
import time

from client import ask, must, together, tokens
from plan import DEFAULT
from sides import running
from table import Result

REQUESTS, OUT = 16, 16
TOKENS_ALLOWED = 3_300 / 3_072  # of what sharing makes unavoidable


def burst(side, shared, own, salt):
    prefix = tokens(shared, "E1", salt)
    prompts = [prefix + tokens(own, "E1", salt, i) for i in range(REQUESTS)]
    mark, begun = side.mark(), time.perf_counter()
    replies = together([lambda p=p: ask(side, p, OUT) for p in prompts])
    wall = max(must(r).ended for r in replies) - begun
    return side.computed(mark, replies), wall


def run(plan):
    shared, own = plan.count(2_048, 64), plan.count(64, 8)
    ideal = shared + REQUESTS * own
    room = REQUESTS * (shared + own + OUT + 16)
    split, one = "llama-server split", "llama-server one slot"
    # Its four slots share one cache of the trained length, in which four full-size prompts do not fit: it would fail.
    default = ("-c", room // 4) if room // 4 > plan.facts["context"] else ()
    sides = [plan.own(), plan.peer(DEFAULT, *default),
             plan.peer(split, "-np", REQUESTS, "-no-kvu", "-c", room, "-sps", "0.97"),
             plan.peer(one, "-np", 1)]
    result = Result("E1", "burst, cold", f"{REQUESTS} requests at once: {shared} shared + {own} own tokens, "
                    f"{OUT} out; ideal {ideal:,} prompt tokens")
    result.take_flags(sides)
    computed, wall = {s.name: [] for s in sides}, {s.name: [] for s in sides}
    with running(*sides):
        for salt in range(plan.repeats):
            for side in sides:
                count, took = burst(side, shared, own, salt)
                computed[side.name].append(count)
                wall[side.name].append(took)
    most = int(ideal * TOKENS_ALLOWED)
    result.row("prompt tokens computed", computed).bound(f"≤ {most:,}", most)
    row = result.row("wall, s", wall)
    row.times_better("≥ 2.5 × default", DEFAULT, 2.5)
    row.goal("≥ 1.5 × best tuned", row.best_peer([split, one]), lambda r: r >= 1.5)
    result.notes.append("One slot takes the requests one after another: it computes least and decodes alone. "
                        "The issue's own “best tuned” is the split cache.")
    return result
