"""E4: the server restarts, then a long conversation continues."""
import tempfile
import time

from client import ask, must, tokens
from plan import DEFAULT, TUNED
from sides import running
from table import Result

OUT, NEW = 8, 32
CHANGED = {"XINGCHA_SEQUENCES": "8", "XINGCHA_BATCH": "1024", "XINGCHA_CELLS": "16384"}


def conversation(count, salt):
    return tokens(count, "E4", salt)


def follow(side, talk, salt):
    return must(ask(side, talk + tokens(NEW, "E4 new", salt), OUT)).ttft_s


def own_restarts(side, count, salt):
    """Recompute, warm after a restart, warm after a restart under other settings."""
    talk = conversation(count, salt)
    cold = must(ask(side, talk, OUT)).ttft_s
    # Half of it again with another end: a shared prefix is to be stored once.
    must(ask(side, talk[:count // 2] + tokens(count // 2, "E4 half", salt), OUT))
    side.restart()
    warm = follow(side, talk, salt)
    side.restart(**CHANGED)
    changed = follow(side, talk, (salt, "changed"))
    for name in CHANGED:
        side.settings.pop(name)
    side.restart()
    return cold, warm, changed


def default_restarts(side, count, salt):
    must(ask(side, conversation(count, salt), OUT))
    side.restart()
    return follow(side, conversation(count, salt), salt)


def slot_restored(side, count, salt):
    """An operator saves and restores by hand; the restore counts."""
    talk, name = conversation(count, salt), {"filename": "slot.bin"}
    must(ask(side, talk, OUT))
    for action in ("save", "restore"):
        if action == "restore":
            side.restart()
        begun = time.perf_counter()
        connection = side.connection()
        status, answer = connection.post(f"/slots/0?action={action}", name)
        connection.close()
        if status != 200:
            raise RuntimeError(answer)
    took = time.perf_counter() - begun
    return took + follow(side, talk, salt)


def run(plan):
    count = plan.count(7_168, 1_792)
    with tempfile.TemporaryDirectory(prefix="xcb-slots-") as folder:
        sides = [plan.own(), plan.peer(DEFAULT), plan.peer(TUNED, "-np", 1, "--slot-save-path", folder)]
        names = [s.name for s in sides]
        warm = {name: [] for name in names}
        changed, cold = {names[0]: []}, {names[0]: []}
        with running(*sides) as (own, default, tuned):
            for salt in range(plan.repeats):
                first, again, other = own_restarts(own, count, salt)
                cold[own.name].append(first)
                warm[own.name].append(again)
                changed[own.name].append(other)
                warm[default.name].append(default_restarts(default, count, salt))
                warm[tuned.name].append(slot_restored(tuned, count, salt))
            disk = own.chunk_bytes()
    result = Result("E4", "restart, then a conversation continues", f"{count} tokens, {NEW} new")
    result.take_flags(sides)
    result.notes.append("Tuned is a slot saved and restored by hand.")
    result.row("TTFT after the restart, s", warm).bound("≤ 0.6", 0.6).times_better(
        "≥ 40 × recompute", DEFAULT, 40)
    result.row("… under changed settings, s", changed).bound("≤ 0.6", 0.6)
    result.row("recompute, s", cold)
    # What was said: each talk, its fork's other half, the answers and the new tokens.
    said = plan.repeats * (count + count // 2 + 4 * OUT + 2 * NEW)
    kv = said * plan.kv_bytes_per_token()
    row = result.row("disk ÷ KV bytes", {names[0]: [] if disk is None else [disk / kv]})
    row.goal("0.5 … 1.05", row.own(), lambda v: 0.5 <= v <= 1.05)
    return result
