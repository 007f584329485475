"""E6: tenant A sends many long requests at once, tenant B one short each second."""
import statistics
import threading
import time
from dataclasses import dataclass

from client import ask, must, together, tokens
from plan import DEFAULT, TUNED
from sides import running
from table import Result

LONG_REQUESTS = 64
ALONE_REQUESTS = 8
SHORT, SHORT_OUT = 32, 8


def p95(values):
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


class Visitor:
    """B: a short request each second until told to stop; waits for nobody."""

    def __init__(self, side, key, salt):
        self.side, self.key, self.salt = side, key, salt
        self.stop, self.replies, self.threads = threading.Event(), [], []
        self.clock = threading.Thread(target=self._tick)
        self.clock.start()

    def _tick(self):
        number = 0
        while not self.stop.wait(1.0):
            thread = threading.Thread(target=self._one, args=(number,))
            thread.start()
            self.threads.append(thread)
            number += 1

    def _one(self, number):
        prompt = tokens(SHORT, "E6 short", self.salt, number)
        self.replies.append(ask(self.side, prompt, SHORT_OUT, key=self.key))

    def end(self):
        self.stop.set()
        self.clock.join()
        for thread in self.threads:
            thread.join()
        return [must(r) for r in self.replies]


@dataclass
class Flood:
    """What became of A's requests."""
    tokens: int
    begun: float
    ended: float
    steps: int  # of the engine meanwhile; 0: it does not say

    @property
    def wall_s(self):
        return self.ended - self.begun

    @property
    def rate(self):
        return self.tokens / self.wall_s

    @property
    def step_s(self):
        """The mean step: the engine is never idle. Whoever comes meets a longer one, so the goal is the stricter."""
        return self.wall_s / self.steps if self.steps else 0

    def rate_with(self, visits):
        """With the tokens of visitors that were answered meanwhile."""
        theirs = sum(SHORT + r.generated for r in visits if r.ended <= self.ended)
        return (self.tokens + theirs) / self.wall_s


def flood(side, key, into, out, salt):
    steps_before = side.stats()["steps"] if side.own else 0
    begun = time.perf_counter()
    calls = [lambda i=i: ask(side, tokens(into, "E6 long", salt, i), out, key=key) for i in range(LONG_REQUESTS)]
    replies = [must(r) for r in together(calls)]
    steps = side.stats()["steps"] - steps_before if side.own else 0
    return Flood(sum(into + r.generated for r in replies), begun, max(r.ended for r in replies), steps)


def one_side(side, into, out, rounds):
    """Floods without and with B, in turn: a machine that drifts must not favour either."""
    a, b = side.key_of("tenant-a"), side.key_of("tenant-b")
    seen = {m: [] for m in ("alone", "beside", "rate alone", "rate", "rate of both", "keeps", "both", "step")}
    for number in range(rounds):
        seen["alone"] += [must(ask(side, tokens(SHORT, "E6 alone", number, i), SHORT_OUT, key=b)).ttft_s
                          for i in range(ALONE_REQUESTS)]
        undisturbed = flood(side, a, into, out, ("alone", number))
        visitor = Visitor(side, b, ("both", number))
        visited = flood(side, a, into, out, ("both", number))
        visits = visitor.end()
        seen["beside"] += [r.ttft_s for r in visits]
        seen["step"].append(visited.step_s)
        seen["rate alone"].append(undisturbed.rate)
        seen["rate"].append(visited.rate)
        seen["rate of both"].append(visited.rate_with(visits))
        seen["keeps"].append(visited.rate / undisturbed.rate)
        seen["both"].append(visited.rate_with(visits) / undisturbed.rate)
    return seen


def run(plan):
    into, out = plan.count(512, 64), plan.count(128)
    sides = [plan.own(), plan.peer(DEFAULT), plan.peer(TUNED, "-np", 16, "-c", 16 * (into + out + 64), "-b", 256,
                                                       "-ub", 256)]
    seen = {}
    with running(*sides):
        for side in sides:
            seen[side.name] = one_side(side, into, out, plan.repeats)
    result = Result("E6", "fairness between tenants",
                    f"A: {LONG_REQUESTS} × ({into} in + {out} out) at once; B: {SHORT} in + {SHORT_OUT} out each second")
    result.take_flags(sides)
    result.row("B's TTFT alone, s", {n: v["alone"] for n, v in seen.items()})
    p95s = {n: [p95(v["beside"])] if v["beside"] else [] for n, v in seen.items()}
    own = seen["xingcha"]
    most = 2 * p95(own["alone"]) + statistics.median(own["step"])
    row = result.row("B's p95 TTFT beside A, s", p95s)
    row.goal(f"≤ {most:.2f} (2 × p95 alone + one step)", row.own(), lambda v: v <= most)
    result.row("A's tokens/s alone", {n: v["rate alone"] for n, v in seen.items()}, better="high")
    result.row("A's tokens/s beside B", {n: v["rate"] for n, v in seen.items()}, better="high")
    kept = result.row("A keeps", {n: v["keeps"] for n, v in seen.items()}, better="high")
    kept.goal("≥ 0.95", kept.own(), lambda v: v >= 0.95)
    both = result.row("A's and B's tokens/s ÷ A's alone", {n: v["both"] for n, v in seen.items()}, better="high")
    both.goal("≥ 0.95", both.own(), lambda v: v >= 0.95)
    result.notes.append("A's rate counts A's prompt and answer tokens; B's own work is part of what A loses, the "
                        "row of both leaves it out. One step: the mean of the engine's steps while A floods.")
    return result
