"""`echo` with `logprobs` scores a prompt: each token's log-probability is llama.cpp's own, and what the program itself
says of the place when it is asked for the next token."""

import math
import subprocess

import pytest

from harness import greedy, paths
from harness.near_tie import own_kernels_run
from harness.server import fresh_server

TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "你好，世界。星槎浮于海。",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25",
]
# Equal batches of equal tokens on one thread; cells may lie elsewhere, and printing rounds.
NATS = 2e-3
# A beginning in one batch, or after what the cache has, instead of batches of 32: the same with our kernels, other
# rounding with ggml's.
STEPWISE_NATS = NATS if own_kernels_run() else 0.25


@pytest.fixture(scope="module")
def server():
    with fresh_server(XINGCHA_THREADS="1") as running:
        yield running


@pytest.fixture(scope="module")
def prompts(server):
    asked = [server.api.post("/tokenize", {"model": paths.MODEL, "content": text}).json()["tokens"] for text in TEXTS]
    return asked + [greedy.tokens(150, "scored")]


def scored(api, prompt, out=0, **more):
    body = {"model": paths.MODEL, "prompt": prompt, "max_tokens": out, "temperature": 0, "echo": True, "logprobs": 1}
    reply = greedy.whole(api.post("/v1/completions", {**body, **more}))
    assert greedy.cached(reply) == 0
    return reply["choices"][0]["logprobs"]


def test_scores_are_the_references(server, prompts):
    program = paths.BUILD / "tests" / "greedy_reference"
    done = subprocess.run(
        [program, server.home.weights(), "score", paths.BUILD / "bin"],
        input="".join(" ".join(map(str, p)) + "\n" for p in prompts),
        capture_output=True, text=True, timeout=600, check=True,
    )
    for prompt, line in zip(prompts, done.stdout.splitlines(), strict=True):
        wanted = [float(word) for word in line.split()]
        told = scored(server.api, prompt)
        first, *rest = told["token_logprobs"]
        assert first is None and len(rest) == len(wanted) == len(prompt) - 1
        apart = [abs(a - b) for a, b in zip(rest, wanted)]
        assert max(apart) < NATS, (max(apart), apart.index(max(apart)))
        assert abs(sum(rest) - sum(wanted)) < NATS * math.sqrt(len(rest))


@pytest.mark.parametrize("number", [0, 3])
def test_scores_are_what_is_told_token_by_token(server, prompts, number):
    """The beginning of the prompt is asked for one token, of which the 20 likeliest are told: the next one of the prompt
    is mostly among them."""
    prompt = prompts[number]
    scores = scored(server.api, prompt)
    compared = []
    for i in range(1, len(prompt)):
        body = greedy.request(prompt[:i], 1, logprobs=20)
        (top,) = greedy.whole(server.api.post("/v1/completions", body))["choices"][0]["logprobs"]["top_logprobs"]
        if scores["tokens"][i] in top:
            compared.append((scores["token_logprobs"][i], top[scores["tokens"][i]]))
    assert len(compared) > len(prompt) / 2
    assert all(abs(a - b) < STEPWISE_NATS for a, b in compared), compared


def test_a_harness_sees_which_tokens_are_greedy(server, prompts):
    """The way of lm-evaluation-harness: a token is greedy when its score is the best of its place, to the bit."""
    scores = scored(server.api, prompts[3])
    tops = scores["top_logprobs"]
    assert tops[0] is None
    best = [max(top.values()) for top in tops[1:]]
    likeliest = [max(top, key=top.get) for top in tops[1:]]
    for token, score, most, first in zip(scores["tokens"][1:], scores["token_logprobs"][1:], best, likeliest, strict=True):
        assert (score == most) == (token == first)
        assert score <= most
    assert sum(score == most for score, most in zip(scores["token_logprobs"][1:], best)) > len(best) / 2  # it counts on


def test_scores_do_not_depend_on_what_follows(server, prompts):
    alone = scored(server.api, prompts[0])["token_logprobs"]
    with_answer = scored(server.api, prompts[0], 4)["token_logprobs"]
    assert len(with_answer) == len(alone) + 4
    assert with_answer[1:len(alone)] == pytest.approx(alone[1:], abs=NATS)


def test_a_prompt_as_long_as_the_context():
    """It can be scored, but not answered."""
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_CONTEXT="256", XINGCHA_CELLS="256") as small:
        whole = greedy.tokens(256, "whole")
        told = scored(small.api, whole)
        assert len(told["token_logprobs"]) == 256 and None not in told["token_logprobs"][1:]
        again = scored(small.api, whole)  # the cache is full of it
        assert again["token_logprobs"][1:] == pytest.approx(told["token_logprobs"][1:], abs=NATS)
        for prompt, out in ((whole, 1), (whole + [7], 0)):
            body = {"model": paths.MODEL, "prompt": prompt, "max_tokens": out, "echo": True, "logprobs": 0}
            reply = small.api.post("/v1/completions", body)
            assert reply.status == 400 and reply.json()["error"]["code"] == "context_length_exceeded", reply
