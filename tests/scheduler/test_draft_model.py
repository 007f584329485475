"""A smaller model guesses for a larger one: the same text in fewer steps, or a clear word why not.

The smaller one is the test model's first layers: quick, and right where a text repeats itself or goes on as expected.
"""

import pytest

from harness import gguf_file, greedy, paths
from harness.home import Home
from harness.near_tie import agrees
from harness.server import Server
from harness.worker import Worker

SMALL, STRANGE, LAYERS = "first-layers", "strange-words", 2
ALIKE = {"XINGCHA_THREADS": "1", "XINGCHA_KEEP_ALIVE_S": "-1"}
PROMPTS, OUT = 4, 64


@pytest.fixture(scope="module")
def home():
    with Home() as made:
        small = gguf_file.first_layers(made.weights(), made.root / "small.gguf", LAYERS)
        made.cli("import", small, "--name", SMALL)
        words = gguf_file.with_metadata(small, made.root / "strange.gguf", "tokenizer.ggml.bos_token_id", 5)
        made.cli("import", words, "--name", STRANGE)
        yield made


def answers(home, **settings):
    """Greedy answers one after the other, and the worker's counters."""
    with Server(home, **ALIKE, **settings) as server:
        greedy.whole(server.api.post("/v1/completions", greedy.request([1, 2, 3], 1)))  # it loads
        worker = Worker(server)
        asked = [greedy.request(greedy.tokens(24, "drafted", n), OUT, logprobs=2) for n in range(PROMPTS)]
        said = [worker.complete(body, f"tenant {n}") for n, body in enumerate(asked)]
        return said, worker.settled()


def test_guesses_of_a_smaller_model_do_not_change_the_text(home):
    plain, before = answers(home, XINGCHA_SPECULATION="off")
    drafted, after = answers(home, XINGCHA_DRAFT_MODEL=SMALL)
    assert before["model_drafted_tokens"] == 0
    assert after["model_drafted_tokens"] > 0, after
    for alone, beside in zip(plain, drafted):
        assert agrees(alone["choices"][0], greedy.text_of(beside))
        assert alone["usage"] == beside["usage"]


def test_a_draft_model_of_other_words_is_refused(home):
    with Server(home, XINGCHA_DRAFT_MODEL=STRANGE) as server:
        reply = server.api.post("/v1/completions", greedy.request([1, 2, 3], 1))
    assert reply.status == 503 and "draft model" in reply.json()["error"]["message"], reply


def test_a_draft_model_that_is_not_installed_is_named(home):
    with Server(home, XINGCHA_DRAFT_MODEL="no-such-model") as server:
        reply = server.api.post("/v1/completions", greedy.request([1, 2, 3], 1))
    assert "no-such-model" in reply.json()["error"]["message"], reply


def test_a_model_does_not_guess_for_itself(home):
    with Server(home, XINGCHA_DRAFT_MODEL=paths.MODEL, **ALIKE) as server:
        greedy.whole(server.api.post("/v1/completions", greedy.request(greedy.tokens(8, "self"), 24)))
        assert Worker(server).settled()["model_drafted_tokens"] == 0
