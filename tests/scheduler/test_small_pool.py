"""More requests than the cache holds: all complete, each with its own text."""

import concurrent.futures

from harness import greedy
from harness.near_tie import agrees
from harness.server import fresh_server
from harness.worker import Worker

REQUESTS, INTO, OUT = 4, 150, 200
CELLS = 600


def all_at_once(server, **more):
    """The four together, each with a circle of its own: the text of another or a lost cell would show."""
    bodies = [greedy.request(greedy.circle(INTO, i), OUT, **more) for i in range(REQUESTS)]
    with concurrent.futures.ThreadPoolExecutor(REQUESTS) as pool:
        asked = [pool.submit(server.api.post, "/v1/completions", body) for body in bodies]
        return [greedy.whole(one.result()) for one in asked]


def test_four_requests_in_a_pool_for_two():
    """Undisturbed means: together in a cache that holds them all, with the same one thread."""
    alike = {"XINGCHA_THREADS": "1", "XINGCHA_CONTEXT": "512"}
    with fresh_server(XINGCHA_CELLS="4096", **alike) as roomy:
        undisturbed = all_at_once(roomy, logprobs=2)
        assert Worker(roomy).settled()["preemptions"] == 0
    with fresh_server(XINGCHA_CELLS=str(CELLS), **alike) as small:
        answers = all_at_once(small)
        counters = Worker(small).settled()
        assert counters["cells"] < REQUESTS * (INTO + OUT)
        assert counters["preemptions"] > 0
        assert counters["requests_failed"] == 0
    for number, (alone, answer) in enumerate(zip(undisturbed, answers)):
        assert answer["usage"]["completion_tokens"] == OUT
        assert answer["choices"][0]["finish_reason"] == "length"
        assert agrees(alone["choices"][0], greedy.text_of(answer)), number
