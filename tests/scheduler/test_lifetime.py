"""Every request ends once and leaves nothing behind: the many, the cancelled, the late, the refused."""

import concurrent.futures
import datetime
import http.client
import json

import pytest

from harness import greedy, paths
from harness.server import fresh_server, wait_until
from harness.tenants import key_of_tenant
from harness.worker import Worker

CELLS = 1024
STEP = 64  # tokens of a step, so that a long prompt has many
LONG_PROMPT = 31 * STEP


@pytest.fixture(scope="module")
def server():
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_CELLS="4096", XINGCHA_CONTEXT="4096", XINGCHA_SEQUENCES="8",
                      XINGCHA_BATCH=str(STEP), XINGCHA_MICRO_BATCH=str(STEP)) as running:
        greedy.whole(running.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))
        yield running


@pytest.fixture(scope="module")
def worker(server):
    return Worker(server)


def test_a_batch_smaller_than_the_sequences():
    with fresh_server(XINGCHA_SEQUENCES="64", XINGCHA_BATCH="32", XINGCHA_MICRO_BATCH="32") as server:
        greedy.whole(server.api.post("/v1/completions", greedy.request(greedy.tokens(40, "small"), 2)))


# --- the many ---


def test_three_hundred_short_requests_leave_nothing_behind():
    """Four tokens in, one out, sixteen at a time; then one that needs the whole cache gets it."""
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_CELLS=str(CELLS), XINGCHA_CONTEXT=str(CELLS)) as server:
        api, worker = server.api, Worker(server)

        def short(i):
            return api.post("/v1/completions", greedy.request(greedy.tokens(4, "short", i), 1)).status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert set(pool.map(short, range(300))) == {200}
        after = worker.settled()
        assert after["requests_total"] == 300 and after["requests_failed"] == 0
        assert after["cells_used"] <= after["cells"]
        big = greedy.whole(api.post("/v1/completions", greedy.request(greedy.tokens(CELLS - 8, "big"), 2)))
        assert big["usage"]["completion_tokens"] == 2


def test_no_sequence_is_live_at_rest(server, worker):
    greedy.whole(server.api.post("/v1/completions", greedy.request(greedy.tokens(8, "one more"), 4)))
    worker.settled()
    view = worker.view()
    assert {one["state"] for one in view["sequences"]} <= {"retained"}
    assert view["queue"] == []


# --- the cancelled ---


def test_a_long_prompt_is_left_within_a_step(server, worker):
    """What is computed after the client went: the step that ran, one that had begun before word of it came, and one
    that the counters lag behind."""
    api = server.api
    before = worker.settled()

    def computed():
        return worker.stats()["prompt_tokens_computed"] - before["prompt_tokens_computed"]

    connection = http.client.HTTPConnection(api.host, api.port, timeout=paths.PATIENCE_S)
    body = greedy.request(greedy.tokens(LONG_PROMPT, "cancelled"), 8, stream=True)
    connection.request("POST", "/v1/completions", json.dumps(body), {"Authorization": f"Bearer {api.key}"})
    wait_until(lambda: computed() >= STEP, "the prompt is being computed")
    at_close = computed()
    connection.close()
    after = worker.settled()
    assert computed() <= at_close + 3 * STEP < LONG_PROMPT
    assert after["requests_cancelled"] == before["requests_cancelled"] + 1


# --- the late ---


def timed_out(api, deadline, out=3000):
    body = greedy.request(greedy.tokens(8, "late"), out)
    return api.post("/v1/completions", body, headers={"X-Xingcha-Deadline": deadline, "Accept-Language": "en"})


def rfc3339(seconds_from_now):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def assert_is_a_timeout(reply):
    assert reply.status == 408, reply
    error = reply.json()["error"]
    assert error["type"] == "timeout_error"
    assert error["code"] == "timeout"
    assert error["message"]


def test_a_deadline_in_milliseconds(server, worker):
    assert_is_a_timeout(timed_out(server.api, "300"))
    worker.settled()


def test_a_deadline_as_a_time(server, worker):
    # Few tokens, so that a server that ignores the header answers 200 soon.
    assert_is_a_timeout(timed_out(server.api, rfc3339(0.2), out=64))
    worker.settled()


def test_a_deadline_that_has_passed_costs_nothing(server, worker):
    before = worker.settled()
    assert_is_a_timeout(timed_out(server.api, rfc3339(-5), out=4))
    assert worker.settled()["prompt_tokens_computed"] == before["prompt_tokens_computed"]


def test_a_deadline_that_is_none(server):
    reply = timed_out(server.api, "tomorrow", out=2)
    assert reply.status == 400, reply


def test_a_deadline_in_mid_stream_ends_the_stream_with_an_error(server, worker):
    api = server.api
    body = greedy.request(greedy.tokens(8, "late"), 3000, stream=True)
    reply = api.post("/v1/completions", body, headers={"X-Xingcha-Deadline": "700"})
    events = reply.events()
    errors = [e.json()["error"] for e in events if '"error"' in e.data]
    assert len(errors) == 1 and errors[0]["type"] == "timeout_error", reply
    assert any(e.data != "[DONE]" and e.json().get("choices") for e in events), "no token before the deadline"
    worker.settled()


# --- the refused ---

QUEUE = 4
ASKED = 10


def fill(server, keys, length=3):
    """A stream takes the only sequence; then ASKED short requests with keys in turn. Their replies by key, taken
    when each is answered or waits."""
    api, worker = server.api, Worker(server)

    def short(i):
        return api.post("/v1/completions", greedy.request(greedy.tokens(length, "waits", i), 1), key=keys[i % len(keys)])

    with concurrent.futures.ThreadPoolExecutor(ASKED) as pool:
        with api.stream("/v1/completions", greedy.request(greedy.tokens(8, "holds"), 3500)) as events:
            next(events)
            asked = [pool.submit(short, i) for i in range(ASKED)]
            wait_until(lambda: sum(one.done() for one in asked) + worker.stats()["queued"] >= ASKED,
                       "each is refused or waits")
            refused = [one.result() for one in asked if one.done()]
        return refused, [one.result() for one in asked]


def test_a_full_queue_says_when_to_come_again():
    # By default one tenant may fill three quarters of the queue.
    limits = {"XINGCHA_QUEUE_MAX": str(QUEUE), "XINGCHA_QUEUE_PER_TENANT_MAX": str(QUEUE)}
    with fresh_server(XINGCHA_SEQUENCES="1", **limits) as server:
        refused, replies = fill(server, [server.api.key])
    assert len(refused) == ASKED - QUEUE
    for reply in refused:
        assert reply.status == 429
        assert reply.json()["error"]["type"] == "rate_limit_error"
        assert int(reply.headers["retry-after"]) >= 1
    assert sorted(r.status for r in replies) == [200] * QUEUE + [429] * (ASKED - QUEUE)


def test_who_comes_to_a_queue_of_long_prompts_is_told_to_wait_for_them():
    """Of several tenants, none of which has its share full: the pace of tokens counts, not that of steps."""
    with fresh_server(XINGCHA_SEQUENCES="1", XINGCHA_QUEUE_MAX=str(QUEUE)) as server:
        keys = [key_of_tenant(server.home.root, server.api, f"reader-{n}") for n in range(ASKED)]
        refused, _ = fill(server, keys, 300)
    assert len(refused) == ASKED - QUEUE
    assert all(int(reply.headers["retry-after"]) > 1 for reply in refused), [r.headers for r in refused]


def test_a_tenant_that_floods_fills_its_own_queue_only():
    with fresh_server(XINGCHA_SEQUENCES="1", XINGCHA_QUEUE_PER_TENANT_MAX="2") as server:
        flood, other = (key_of_tenant(server.home.root, server.api, t) for t in ("flood", "other"))
        keys = [flood] * (ASKED - 1) + [other]
        refused, replies = fill(server, keys)
    assert len(refused) == ASKED - 1 - 2
    assert {r.status for r in refused} == {429}
    assert replies[-1].status == 200
