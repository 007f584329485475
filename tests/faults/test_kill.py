"""kill -9 of the whole server at random moments of its life, again and again. What it told somebody is on disk must be
there afterwards, every call it admitted must have exactly one end, and the ledger must add up.

Told is: a signed receipt (`r1.…`: this leaf is on disk) and the head of the log (so many leaves are on disk,
settlements too). A promise (`p1.…`) is not: docs/formats/audit.md.
"""

import collections
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import random
import threading
import time

import pytest

from harness.audit import verify
from harness.home import Home
from harness.server import Server
from harness.upstream import Endpoints

CLIENTS = 5
TOKENS = 7  # of a whole answer, as harness.upstream says
GRANTED = 10**12
SECONDS = (0.03, 0.3)  # that a server lives under load
DIES_AT_START = 0.15  # of all lives
BODY = {"model": "m", "messages": [{"role": "user", "content": "The sea?"}], "max_tokens": 4}
QUIET = {"XINGCHA_LOG_LEVEL": "warn", "XINGCHA_ALARMS_DISK_FREE_MIB": "0"}


class Told:
    """What clients were told. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.asked = 0
        self.signed = self.promised = 0
        self.whole = {}  # request → tokens, of answers that came whole
        self.statuses = collections.Counter()
        self._receipts, self._heads = [], set()

    def next_name(self):
        with self._lock:
            self.asked += 1
            return f"call-{self.asked}"

    def receipt(self, text):
        with self._lock:
            if text.startswith("r1."):
                self._receipts.append(text)
                self.signed += 1
            else:
                self.promised += 1

    def head(self, text):
        with self._lock:
            self._heads.add(text)

    def answered(self, name, status, tokens):
        with self._lock:
            self.statuses[status] += 1
            if status == 200:
                self.whole[name] = tokens

    def take(self):
        """Receipts and heads since the last time."""
        with self._lock:
            taken = self._receipts, sorted(self._heads)
            self._receipts, self._heads = [], set()
        return taken


def call(connection, api, told, leaves):
    """One request; `leaves` after its head, in the middle of the answer."""
    name = told.next_name()
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json", "X-Request-Id": name}
    connection.request("POST", "/v1/chat/completions", json.dumps({**BODY, "stream": leaves}), headers)
    reply = connection.getresponse()
    if receipt := reply.headers.get("X-Xingcha-Receipt"):
        told.receipt(receipt)
    if leaves:
        connection.close()
        return
    body = json.loads(reply.read())
    told.answered(name, reply.status, body["usage"]["total_tokens"] if reply.status == 200 else 0)


def client(api, told, dice):
    """Calls on one connection, until the server is gone."""
    connection = http.client.HTTPConnection(api.host, api.port, timeout=30)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            call(connection, api, told, dice.random() < 0.2)


def watcher(api, told):
    """Asks for the head of the log all the time, until the server is gone."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            told.head(api.get("/admin/audit/head").json()["head"])
            time.sleep(0.01)


def live_and_die(server, told, dice):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
        runs = [pool.submit(client, server.api, told, random.Random(dice.random())) for _ in range(CLIENTS)]
        runs.append(pool.submit(watcher, server.api, told))
        try:
            time.sleep(dice.uniform(*SECONDS))
        finally:
            server.kill()
    for run in runs:
        run.result()


def die_at_start(home, dice):
    """Killed while it makes good what the last one left."""
    server = Server(home, **QUIET)
    server.launch()
    time.sleep(dice.uniform(0, 0.15))
    server.kill()


def this_month():
    """When it began, in Beijing; Unix ms."""
    beijing = datetime.timezone(datetime.timedelta(hours=8))
    now = datetime.datetime.now(beijing)
    return int(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def used(api, since=0):
    row = api.get(f"/admin/usage?from={since}").json()["usage"][0]
    return row["prompt_tokens"] + row["completion_tokens"]


def check_ledger(api, before):
    """Of a server that nobody called yet: nothing is open, all adds up, nothing that was used is forgotten. Gives what
    was used so far."""
    month = this_month()
    row = api.get("/admin/quotas?scope=tenant&name=default").json()["quotas"][0]
    assert row["reserved"] == 0 and row["settled"] + row["remaining"] == row["granted"] == GRANTED, row
    if month == this_month():
        assert row["settled"] == used(api, month)
    whole = used(api)
    assert whole >= before, "usage was forgotten"
    return whole


def check_log(home, told):
    """Whatever was told is in the log, and the log is whole."""
    receipts, heads = told.take()
    witness = home.root / "told.heads"
    witness.write_text("\n".join(heads) + "\n")
    found = verify(home, *receipts, witness=witness)
    assert found["good"], found["faults"]
    assert found["witnessed"] == len(heads)
    assert all(state == "good" for state in found["receipts"]), "an acknowledged leaf is lost"


def check_calls(api, told, deaths):
    """Every call has one end, is billed once, and as its client saw it."""
    leaves = [json.loads(line) for line in api.get("/admin/audit/export").body.splitlines() if b'"leaf"' in line]
    admissions = {leaf["leaf"] for leaf in leaves if leaf["kind"] == "admission"}
    ends = [leaf for leaf in leaves if leaf["kind"] == "settlement"]
    partners = [end["partner"] for end in ends]
    assert len(partners) == len(set(partners)), "a call has two ends"
    assert set(partners) == admissions, "a call has no end"

    billed, total = {}, 0
    for end in ends:
        record = end["record"]
        tokens = record.get("prompt_tokens", 0) + record.get("completion_tokens", 0)
        total += tokens
        if "model" in record:
            assert record["request"] not in billed, "billed twice"
            billed[record["request"]] = (record["ended"], tokens)
    assert total == used(api), "the usage table is not the log"
    lost = 0
    for name, tokens in told.whole.items():
        if name not in billed or billed[name][0] == "lost":
            lost += 1  # its leaves were on the way to the disk
            assert billed.get(name, ("lost", 0))[1] == 0
        else:
            assert billed[name] == ("done", tokens), name
    assert lost <= CLIENTS * deaths
    return len(billed), lost


def make_pool(api, upstream):
    limits = {"scope": "tenant", "name": "default", "limits": {"tokens_per_month": GRANTED}}
    targets = {"targets": [{"pool": "p", "model": "x"}]}
    rows = [("pools/p", {"policy": "order"}), *((f"endpoints/{name}", {
        "pool": "p", "url": upstream.url(name), "vendor": "vllm", "rank": rank,
    }) for rank, name in enumerate(["flaky", "steady"])), ("routes/m", targets), ("quotas", limits)]
    for path, body in rows:
        reply = api.request("PUT", "/admin/" + path, body)
        assert reply.status == 200, reply


@pytest.mark.parametrize("seed,rounds,between", [
    (1, 5, 1), pytest.param(2, 1_000, 25, marks=pytest.mark.slow),
])
def test_a_killed_server_loses_nothing_that_it_told(seed, rounds, between):
    """`between`: rounds from one look at the log to the next. Reading it takes longer than a life."""
    dice, told, upstream = random.Random(seed), Told(), Endpoints()
    upstream.delay_s = 0.03  # longer than a group commit: most receipts are signed when they leave
    deaths = before = round = 0
    with contextlib.closing(upstream), Home(models=False) as home:
        with Server(home, **QUIET) as first:
            make_pool(first.api, upstream)
        # On a slow disk few receipts are signed within a short life: then some more lives, not a weaker claim.
        while round < rounds or (told.signed < rounds and round < 10 * rounds):
            round += 1
            if dice.random() < DIES_AT_START:
                die_at_start(home, dice)
            upstream.broken = {"flaky"} if dice.random() < 0.3 else set()
            upstream.cut = {"flaky"} if dice.random() < 0.2 else set()
            server = Server(home, **QUIET).start()
            before = check_ledger(server.api, before)
            if round % between == 0:
                check_log(home, told)
            live_and_die(server, told, dice)
            deaths += 1
        with Server(home, **QUIET) as last:
            assert check_ledger(last.api, before) > 0
            check_log(home, told)
            calls, lost = check_calls(last.api, told, deaths)
            assert last.api.metric("xingcha_quota_conserved") == 1
        assert verify(home)["open_admissions"] == 0
    print(f"{deaths} kills, {calls} calls, {told.signed} signed receipts, {told.promised} promises, {lost} lost, "
          f"{dict(told.statuses)}")
    assert told.signed >= rounds and told.statuses[200] >= rounds
    assert set(told.statuses) <= {200, 502, 503}, told.statuses
