"""E3: a long prompt arrives while somebody reads a stream, and a short request behind it."""
import threading
import time

from client import ask, must, tokens
from plan import DEFAULT, TUNED
from sides import running
from table import Result

TARGETS_MS = (80, 250, 500, 1000)
GOAL_MS = 250
BASE_TOKENS = 16  # of the stream, before the long prompt arrives
BEHIND_S = 0.1  # how much later the short request comes
STREAM_TOKENS_MAX = 700  # with the long prompt it stays within 8,192 cells


class Stream:
    """A stream that runs until it is told to stop."""

    def __init__(self, side, salt):
        self.enough, self.going = threading.Event(), threading.Event()
        self.reply = None
        self.thread = threading.Thread(target=self._read, args=(side, salt))
        self.thread.start()
        self.going.wait(120)

    def _read(self, side, salt):
        self.reply = ask(side, tokens(32, "E3 stream", salt), STREAM_TOKENS_MAX, on_text=self._more)
        self.going.set()

    def _more(self, reply):
        if len(reply.times) >= BASE_TOKENS:
            self.going.set()
        return not self.enough.is_set()

    def end(self):
        self.enough.set()
        self.thread.join()
        return self.reply


def gaps(times, begin, end):
    """Seconds between texts, of the pauses that touch [begin, end]."""
    return [b - a for a, b in zip(times, times[1:]) if b > begin and a < end]


def disturbed(side, long, salt):
    stream = Stream(side, salt)
    replies = {}

    def behind():
        time.sleep(BEHIND_S)
        replies["short"] = ask(side, tokens(32, "E3 short", salt), 2)

    other = threading.Thread(target=behind)
    other.start()
    arrived = must(ask(side, tokens(long, "E3 long", salt), 2))
    other.join()
    times = must(stream.end()).times
    before = gaps(times, times[0], arrived.sent)
    during = gaps(times, arrived.sent, arrived.times[0])
    worst = max(during) if during else arrived.times[0] - arrived.sent
    return {"gap": worst * 1e3, "base": sorted(before)[len(before) // 2] * 1e3 if before else None,
            "short": must(replies["short"]).ttft_s, "long": arrived.ttft_s}


def run(plan):
    long = plan.count(7_168, 512)
    own = [plan.own()] + [plan.own(f"target {t} ms", XINGCHA_TARGET_TBT_MS=str(t)) for t in TARGETS_MS]
    sides = own + [plan.peer(DEFAULT), plan.peer(TUNED, "-b", 256, "-ub", 256)]
    goal = f"target {GOAL_MS} ms"
    # The side that the targets speak of stands first: its column is "ours".
    order = [goal] + [s.name for s in sides if s.name != goal]
    seen = {m: {name: [] for name in order} for m in ("base", "gap", "short", "long", "alone", "slower")}
    with running(*sides):
        for salt in range(plan.repeats):
            for side in sides:
                alone = must(ask(side, tokens(long, "E3 alone", salt), 2)).ttft_s
                values = disturbed(side, long, salt)
                values.update(alone=alone, slower=values["long"] / alone)
                for measure, value in values.items():
                    if value is not None:
                        seen[measure][side.name].append(value)
    result = Result("E3", "a long prompt beside a stream", f"one stream decodes, {long} tokens arrive, 32 behind")
    result.take_flags(sides)
    result.row("gap before, ms (median)", seen["base"])
    result.row("worst gap, ms", seen["gap"]).bound("≤ 375", 375)
    result.row("short TTFT, s", seen["short"]).bound("≤ 0.6", 0.6)
    result.row("long alone, s", seen["alone"])
    result.row("long TTFT, s", seen["long"])
    result.row("long ÷ alone", seen["slower"]).bound("≤ 1.6", 1.6)
    return result
