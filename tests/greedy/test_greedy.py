"""Greedy answers are token-equal to llama.cpp's own: 20 prompts, one sequence at a time.

Prompts go to both as token ids. The program's answer is asked for with logprobs, whose `tokens` list has one entry
a token, and compared twice: the bytes of the whole answer with the reference's tokens through /detokenize, and the
number of tokens. Equal text from an equal number of tokens of one vocabulary, each entry equal to its token's text.
"""

import subprocess

import pytest

from harness import paths
from harness.server import fresh_server

TOKENS = 32
# The longest stays below 256 tokens: above, attention is cut into as many parts as there are threads.
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a little ship that",
    "def fibonacci(n):\n",
    "1, 2, 3, 4, 5,",
    "The three primary colours are",
    "Water boils at a temperature of",
    "To be, or not to be,",
    "The quick brown fox",
    "In 1969, the first human",
    "A recipe for pancakes:\n1.",
    "Q: What is 2 + 2?\nA:",
    "The opposite of hot is",
    "import numpy as np\n",
    "Dear Sir or Madam,",
    "The largest planet in the solar system is",
    "你好，世界",
    "<|im_start|>user\nSay hello.<|im_end|>\n<|im_start|>assistant\n",
    "Photosynthesis is the process by which plants",
    "SELECT name FROM users WHERE",
    "The sea was calm. " * 40 + "Then",
]


@pytest.fixture(scope="module")
def server():
    """One compute thread, as the reference has: flash attention splits its sums by thread, and a near tie can fall
    the other way with another split."""
    with fresh_server(XINGCHA_THREADS="1", XINGCHA_SPECULATION="off") as running:
        yield running


@pytest.fixture(scope="module")
def prompts(server):
    body = {"model": paths.MODEL, "parse_special": True}
    return [server.api.post("/tokenize", {**body, "content": p}).json()["tokens"] for p in PROMPTS]


@pytest.fixture(scope="module")
def reference(server, prompts):
    """llama.cpp's own tokens for each prompt."""
    program = paths.BUILD / "tests" / "greedy_reference"
    if not program.exists():
        pytest.fail(f"{program} is not built")
    done = subprocess.run(
        [program, server.home.weights(), str(TOKENS), paths.BUILD / "bin"],
        input="".join(" ".join(map(str, p)) + "\n" for p in prompts),
        capture_output=True, text=True, timeout=600, check=True,
    )
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def text_of(api, tokens):
    if not tokens:
        return ""
    return api.post("/detokenize", {"model": paths.MODEL, "tokens": tokens}).json()["content"]


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_token_equal(api, prompts, reference, number):
    wanted = reference[number]
    body = {"model": paths.MODEL, "prompt": prompts[number], "max_tokens": TOKENS, "temperature": 0}
    choice = api.post("/v1/completions", {**body, "logprobs": 0}).json()["choices"][0]
    pieces = choice["logprobs"]["tokens"]
    assert len(pieces) == len(wanted)
    assert choice["text"] == text_of(api, wanted)
    for piece, token in zip(pieces, wanted):
        alone = text_of(api, [token])
        # Part of a character: how the rest is shown is nobody's promise; the whole text is compared above.
        assert "\ufffd" in alone or piece == alone
    assert choice["finish_reason"] == ("length" if len(wanted) == TOKENS else "stop")
