"""A budget under many clients, aborts, upstream faults and kill -9: nothing is spent beyond it, lost, or billed twice."""

import collections
import concurrent.futures
import contextlib
import http.client
import random
import threading
import time

import pytest

from harness import paths
from harness.audit import all_records, verify
from harness.flaky import FAULTS, OUT, Flaky
from harness.home import Home
from harness.server import Server, free_port, wait_until

PROMPT = "Tell me something about the sea and the ships on it."
# What one request sets aside: its prompt is guessed from its length, with room for the template.
RESERVATION = len(PROMPT) // 3 + 1 + 8 + OUT
BODY = {"model": paths.MODEL, "prompt": PROMPT, "max_tokens": OUT, "ignore_eos": True}
FAR = {"model": "m", "prompt": PROMPT, "max_tokens": OUT}
STALL_MS = 400  # of an endpoint, then it hangs
REPLIES = 20  # before each kill


class Tally:
    """What the clients saw. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.spent = {}  # request id → tokens, of answers that came whole
        self.statuses = collections.Counter()

    def done(self, request, tokens):
        with self._lock:
            assert request not in self.spent
            self.spent[request] = tokens

    def status(self, status):
        with self._lock:
            self.statuses[status] += 1


def one_request(api, body, tally, dice, name):
    if dice.random() < 0.3:
        with api.stream("/v1/completions", body) as events:
            for _ in range(dice.randrange(0, 6)):
                next(events, None)
        tally.status("left")
        return 200
    reply = api.post("/v1/completions", body, headers={"X-Request-Id": name})
    tally.status(reply.status)
    if reply.status == 200:
        tally.done(name, reply.json()["usage"]["total_tokens"])
    return reply.status


def client(number, api, body, tally, stop):
    """Until it is refused; a server that is away is waited for."""
    dice = random.Random(number)
    count = refused = 0
    while not stop.is_set() and refused < 3:
        count += 1
        try:
            status = one_request(api, body, tally, dice, f"c{number}-{count}")
        except AssertionError as error:  # a stream that did not begin
            status = 402 if "insufficient_quota" in str(error) else 0
        except (OSError, http.client.HTTPException):
            stop.wait(0.05)
            continue
        refused = refused + 1 if status == 402 else 0


def limit_of(api, meter):
    rows = api.get("/admin/quotas?scope=tenant&name=default").json()["quotas"]
    return next(row for row in rows if row["meter"] == meter)


def settled_tokens(records):
    return sum(r["record"].get("prompt_tokens", 0) + r["record"].get("completion_tokens", 0) for r in records)


SIZES = pytest.mark.parametrize(
    "clients,budget,kills",
    [(24, 4_000, 1), pytest.param(200, 14_000, 3, marks=pytest.mark.slow)],
)


@SIZES
def test_a_budget_holds_against_aborts_and_kill_9(clients, budget, kills):
    with Home() as home:
        assault(home, BODY, clients, budget, kills)


@SIZES
def test_a_budget_holds_against_upstream_faults_too(clients, budget, kills):
    """Endpoints that answer 500, break off, hang, and say 200 with an error, before and in their answers."""
    with contextlib.closing(Flaky()) as upstream, Home(models=False) as home:
        def prepare(api):
            put(api, "pools/far", {"policy": "least"})
            places = {"good": upstream.url, **{fault: upstream.fault(fault) for fault in FAULTS}}
            for name, url in places.items():
                put(api, f"endpoints/{name}", {"pool": "far", "url": url, "vendor": "vllm",
                                               "start_timeout_ms": STALL_MS, "stall_timeout_ms": STALL_MS})
            put(api, "routes/m", {"targets": [{"pool": "far", "model": "theirs"}]})

        assault(home, FAR, clients, budget, kills, prepare)
        assert set(upstream.faults) == set(FAULTS), upstream.faults


def put(api, path, body):
    reply = api.request("PUT", "/admin/" + path, body=body)
    assert reply.status == 200, reply


def assault(home, body, clients, budget, kills, prepare=lambda api: None):
    """Clients until the budget is used up, and the server is killed meanwhile."""
    tally, stop = Tally(), threading.Event()
    listen = f"127.0.0.1:{free_port()}"
    server = Server(home, listen=listen).start()
    prepare(server.api)
    put(server.api, "quotas", {"scope": "tenant", "name": "default", "limits": {"tokens_per_month": budget}})
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        runs = [pool.submit(client, i, server.api, body, tally, stop) for i in range(clients)]
        try:
            for _ in range(kills):
                seen = len(tally.spent)
                wait_until(lambda: len(tally.spent) >= seen + REPLIES, "some are answered")
                server.kill()
                server = Server(home, listen=listen).start()
            concurrent.futures.wait(runs, timeout=paths.PATIENCE_S * 5)
            assert all(run.done() for run in runs), tally.statuses
            for run in runs:
                run.result()
        finally:
            stop.set()
            if not all(run.done() for run in runs):
                server.kill()
    assert set(tally.statuses) <= {"left", 200, 402, 429, 502, 503, 504}, tally.statuses
    print(dict(tally.statuses))
    with server:
        spend_the_rest(server.api, body, tally)
        check(home, server.api, tally, budget, clients * kills)


def spend_the_rest(api, body, tally):
    """What was given back after the last client was refused."""
    wait_until(lambda: limit_of(api, "tokens_per_month")["reserved"] == 0, "all is settled")
    for count in range(1000):
        reply = api.post("/v1/completions", body, headers={"X-Request-Id": f"rest-{count}"})
        if reply.status == 200:
            tally.done(f"rest-{count}", reply.json()["usage"]["total_tokens"])
        if reply.status == 402:
            break
    assert reply.json()["error"]["code"] == "insufficient_quota", reply


def check(home, api, tally, granted, at_risk):
    """at_risk: requests that may have ended just when the server was killed."""
    def at_rest():
        now = limit_of(api, "tokens_per_month")
        usage = api.get("/admin/usage").json()["usage"][0]
        whole = usage["prompt_tokens"] + usage["completion_tokens"]
        return now if now["reserved"] == 0 and whole == now["settled"] else None

    budget = wait_until(at_rest, "all is settled and added up")
    assert budget["granted"] == granted
    assert budget["settled"] + budget["remaining"] == granted
    # Used up but for less than one more request; and not beyond it but for what was running.
    assert budget["remaining"] < RESERVATION
    assert budget["settled"] <= granted + at_risk * RESERVATION
    assert sum(tally.spent.values()) <= granted + at_risk * RESERVATION
    assert tally.statuses[402] > 0

    # The audit log says the same, once for each call.
    settlements = all_records(api, "settlement")
    partners = [record["partner"] for record in settlements]
    assert len(partners) == len(set(partners)), "billed twice"
    assert set(partners) == {record["index"] for record in all_records(api, "admission")}
    assert settled_tokens(settlements) == budget["settled"]
    billed = {r["record"]["request"]: settled_tokens([r]) for r in settlements if "request" in r["record"]}
    wrong = [(name, tokens, billed.get(name)) for name, tokens in tally.spent.items() if billed.get(name) != tokens]
    # Only where the server was killed between the reply and the record of it.
    assert len(wrong) <= at_risk and all(not seen for _, _, seen in wrong), wrong
    assert verify(home)["good"]
    time.sleep(1.1)  # /metrics shows the ledger of up to one second ago
    assert api.metric("xingcha_quota_conserved") == 1
    with contextlib.suppress(OSError):
        assert api.metric("xingcha_quota_reservations") == 0
