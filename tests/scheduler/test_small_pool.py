"""More requests than the cache holds: all complete, each with its own text."""

import concurrent.futures

import pytest

from harness import greedy
from harness.near_tie import agrees
from harness.server import fresh_server
from harness.worker import Worker

# Admission sets 256 cells aside for an answer: these grow beyond it, so that somebody has to leave.
REQUESTS, INTO, OUT = 3, 50, 500
CELLS = 800


ALIKE = {"XINGCHA_THREADS": "1", "XINGCHA_CONTEXT": "640", "XINGCHA_SPECULATION": "off"}


def assert_complete(answers, server):
    counters = Worker(server).settled()
    assert counters["cells"] < REQUESTS * (INTO + OUT)
    assert counters["preemptions"] > 0
    assert counters["requests_failed"] == 0
    # What gave way went to memory and came back; requests are counted apart from what moved.
    assert 0 < counters["swaps_out"] <= counters["preemptions"]
    assert 0 < counters["swaps_in_ram"] + counters["swaps_in_disk"] <= counters["swaps_out"]
    assert counters["swap_out_bytes"] > 0 and counters["swap_in_bytes"] > 0
    assert server.api.metric("xingcha_engine_swaps_total", direction="out") == counters["swaps_out"]
    assert server.api.metric("xingcha_engine_swap_bytes_total", direction="in") == counters["swap_in_bytes"]
    (engine,) = server.api.get("/admin/engine").json()["workers"]
    assert engine["stats"]["swaps_in_ram"] == counters["swaps_in_ram"]
    for answer in answers:
        assert answer["usage"]["completion_tokens"] == OUT
        assert answer["choices"][0]["finish_reason"] == "length"


def all_at_once(server, **more):
    """All together, each with a circle of its own: the text of another or a lost cell would show."""
    bodies = [greedy.request(greedy.circle(INTO, i), OUT, **more) for i in range(REQUESTS)]
    with concurrent.futures.ThreadPoolExecutor(REQUESTS) as pool:
        asked = [pool.submit(server.api.post, "/v1/completions", body) for body in bodies]
        return [greedy.whole(one.result()) for one in asked]


def test_more_requests_than_the_pool_holds_complete():
    with fresh_server(XINGCHA_CELLS=str(CELLS), **ALIKE) as small:
        assert_complete(all_at_once(small), small)


@pytest.mark.slow
def test_more_requests_than_the_pool_holds_say_the_same():
    """Undisturbed means: together in a cache that holds them all, with the same one thread. Slow, since a near tie
    may fall the other way when the steps of the two runs have other shapes."""
    with fresh_server(XINGCHA_CELLS="4096", **ALIKE) as roomy:
        undisturbed = all_at_once(roomy, logprobs=2)
        assert Worker(roomy).settled()["preemptions"] == 0
    with fresh_server(XINGCHA_CELLS=str(CELLS), **ALIKE) as small:
        answers = all_at_once(small)
        assert_complete(answers, small)
    for number, (alone, answer) in enumerate(zip(undisturbed, answers)):
        assert agrees(alone["choices"][0], greedy.text_of(answer)), number
